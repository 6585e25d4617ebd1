//! What the operator says of itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use realtime_tests::Operator;

/// Some of its metrics.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Resident memory, in bytes.
    pub resident: f64,
    /// CPU time.
    pub cpu: Duration,
    /// Reconciles that ended.
    pub reconciles: f64,
}

const PAUSE: Duration = Duration::from_millis(20);

impl Gauge {
    pub async fn read(operator: &Operator) -> Result<Self> {
        let (status, text) = operator.admin("/metrics").await?;
        if status != 200 {
            bail!("/metrics answers {status}");
        }
        let sum = |name: &str| {
            let of_name =
                text.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']));
            let values: Option<Vec<f64>> = of_name.map(|rest| rest.rsplit(' ').next()?.parse().ok()).collect();
            values.filter(|values| !values.is_empty()).map(|values| values.iter().sum::<f64>()).context(name.to_owned())
        };
        Ok(Self {
            resident: sum("process_resident_memory_bytes")?,
            cpu: Duration::from_secs_f64(sum("process_cpu_seconds_total")?),
            reconciles: sum("realtime_operator_reconciles_total")?,
        })
    }

    /// Reads until it is so.
    pub async fn until(operator: &Operator, limit: Duration, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + limit;
        while !is_so(&Self::read(operator).await?) {
            if Instant::now() > end {
                bail!("not within {limit:?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}
