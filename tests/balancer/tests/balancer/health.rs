//! The load balancer's own health checks.

use anyhow::Result;
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, who},
    stage::Stage,
};

#[tokio::test]
async fn a_health_check_takes_an_ill_endpoint_out_and_brings_it_back() -> Result<()> {
    let (stage, a, b) = (Stage::new().await?, Backend::start("a").await?, Backend::start("b").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({}), &[&a, &b]).await?;
    let client = client::http(&[&host], stage.balancer.http())?;

    a.fall_ill(true);
    stage.balancer.healthy(&stage.namespace, "chat", 1).await?;
    for _ in 0..6 {
        assert_eq!(who(client.get(format!("http://{host}/"))).await?, "b");
    }
    b.fall_ill(true);
    stage.balancer.healthy(&stage.namespace, "chat", 0).await?;
    assert_eq!(client.get(format!("http://{host}/")).send().await?.status(), 502);
    a.fall_ill(false);
    stage.balancer.healthy(&stage.namespace, "chat", 1).await?;
    assert_eq!(who(client.get(format!("http://{host}/"))).await?, "a");
    Ok(())
}

#[tokio::test]
async fn a_fixed_port_is_asked_for_the_health_of_another() -> Result<()> {
    let (stage, serving, admin) =
        (Stage::new().await?, Backend::start("serving").await?, Backend::start("admin").await?);
    let host = stage.host("chat");
    serving.fall_ill(true);
    let check =
        json!({"requestPath": "/healthz", "checkIntervalSec": 1, "timeoutSec": 1, "port": admin.address.port()});
    stage.serve(&host, json!({"healthCheck": check}), &[&serving]).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    assert_eq!(who(client.get(format!("http://{host}/"))).await?, "serving");
    Ok(())
}
