//! What a process takes of the machine.

use std::{fs, io, time::Duration};

/// Processor time is counted in hundredths of a second: `USER_HZ` is 100 wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// Processor time since it started.
///
/// # Errors
/// When there is no such process.
pub fn cpu(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in brackets, may hold anything.
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' ').skip(11).map_while(|it| it.parse().ok()));
    let mut ticks = fields.into_iter().flatten();
    let (user, system): (u32, u32) = ticks.next().zip(ticks.next()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(TICK * (user + system))
}

/// Memory that is resident, in bytes.
///
/// # Errors
/// When there is no such process, or it has ended.
pub fn memory(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.ok_or(io::ErrorKind::InvalidData)? * 1024)
}
