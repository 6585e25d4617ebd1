//! The admin port.

use anyhow::Result;
use realtime_tests::Stage;

use crate::manifests::FIVE_LINES;

#[tokio::test]
async fn metrics_and_probes_answer() -> Result<()> {
    let stage = Stage::new("probes").await?;
    let operator = stage.operator().await?;
    assert_eq!(operator.admin("/healthz").await?, (200, "ok\n".to_owned()));
    assert_eq!(operator.admin("/readyz").await?, (200, "ok\n".to_owned()));
    assert_eq!(operator.admin("/other").await?.0, 404);
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let (status, metrics) = operator.admin("/metrics").await?;
    assert_eq!(status, 200);
    for line in [
        "realtime_operator_leader 1",
        "realtime_operator_api_requests_total{verb=\"apply\",kind=\"Deployment\",result=\"success\"} 1",
        "realtime_operator_reconciles_total{outcome=\"success\"}",
        "realtime_operator_reconcile_duration_seconds_bucket{",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line:?} in:\n{metrics}");
    }
    Ok(())
}
