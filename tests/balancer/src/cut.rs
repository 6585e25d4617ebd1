//! Cuts the connections to an endpoint. Envoy has no way to do that for requests that it has begun to forward: it leaves the
//! WebSockets of an endpoint that is gone alone. Linux has: a process may take a copy of its child's socket and shut it.

use std::{
    collections::HashSet,
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, RawFd},
};

use rustix::{
    net::{Shutdown, getpeername, shutdown},
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

/// Cuts each connection of the child process to this address, and returns how many there were.
pub(crate) fn cut(child: Pid, to: SocketAddr) -> io::Result<usize> {
    let sockets = sockets_to(child, to)?;
    if sockets.is_empty() {
        return Ok(0);
    }
    let process = pidfd_open(child, PidfdFlags::empty())?;
    let mut cut = 0;
    for entry in fs::read_dir(format!("/proc/{}/fd", child.as_raw_nonzero()))? {
        let entry = entry?;
        // Closed meanwhile.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let Some(socket) = inode_of(&target.to_string_lossy()) else { continue };
        if !sockets.contains(&socket) {
            continue;
        }
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        cut += usize::from(cut_one(process.as_fd(), number, to)?);
    }
    Ok(cut)
}

fn cut_one(process: impl AsFd, number: RawFd, to: SocketAddr) -> io::Result<bool> {
    let copy = match pidfd_getfd(process, number, PidfdGetfdFlags::empty()) {
        Ok(copy) => copy,
        Err(rustix::io::Errno::BADF) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    // The number may belong to another connection by now.
    let peer = getpeername(&copy).ok().flatten().and_then(|peer| SocketAddr::try_from(peer).ok());
    if peer != Some(to) {
        return Ok(false);
    }
    match shutdown(&copy, Shutdown::Both) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The inodes of established connections, as the kernel lists them.
fn sockets_to(child: Pid, to: SocketAddr) -> io::Result<HashSet<u64>> {
    const ESTABLISHED: &str = "01";
    let table = if to.is_ipv4() { "tcp" } else { "tcp6" };
    let list = fs::read_to_string(format!("/proc/{}/net/{table}", child.as_raw_nonzero()))?;
    let wanted = in_kernel_notation(to);
    let inode = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let is_wanted = columns.get(2)? == &wanted && columns.get(3)? == &ESTABLISHED;
        is_wanted.then(|| columns.get(9)?.parse().ok()).flatten()
    };
    Ok(list.lines().skip(1).filter_map(inode).collect())
}

/// Words of four bytes, each in the order of the machine, in hexadecimal digits.
fn in_kernel_notation(address: SocketAddr) -> String {
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let ip = match address.ip() {
        IpAddr::V4(ip) => word(ip.octets()),
        IpAddr::V6(ip) => words(ip).map(word).concat(),
    };
    format!("{ip}:{:04X}", address.port())
}

fn words(ip: Ipv6Addr) -> [[u8; 4]; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = ip.octets();
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]]
}

fn inode_of(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Read,
        net::{TcpListener, TcpStream},
        process::{Command, Stdio},
    };

    #[test]
    fn only_the_childs_connections_to_that_address_are_cut() -> io::Result<()> {
        let (wanted, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (to, to_other) = (wanted.local_addr()?, other.local_addr()?);
        let script = format!(
            "exec 3<>/dev/tcp/{}/{} 4<>/dev/tcp/{}/{}; read -r _",
            to.ip(),
            to.port(),
            to_other.ip(),
            to_other.port()
        );
        let mut child = Command::new("bash").args(["-c", &script]).stdin(Stdio::piped()).spawn()?;
        let (mut of_child, mut elsewhere) = (wanted.accept()?.0, other.accept()?.0);
        let mut own = TcpStream::connect(to)?;
        let mut of_own = wanted.accept()?.0;

        let pid = Pid::from_child(&child);
        assert_eq!(cut(pid, to)?, 1);
        assert_eq!(of_child.read(&mut [0; 8])?, 0);
        assert_eq!(cut(pid, to)?, 0);

        for stays in [&mut elsewhere, &mut of_own, &mut own] {
            stays.set_nonblocking(true)?;
            assert_eq!(stays.read(&mut [0; 8]).expect_err("open and silent").kind(), io::ErrorKind::WouldBlock);
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}
