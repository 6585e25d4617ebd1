//! A way to the cluster that a person means.

use std::time::Duration;

use kube::{Client, Config};

const CONNECT: Duration = Duration::from_secs(10);

/// By KUBECONFIG, or by the account of the pod around; and the namespace for what names none. `answer` is how long one request may take.
pub(crate) async fn connect(namespace: Option<&str>, answer: Duration) -> Result<(Client, String), String> {
    let why = |error: anyhow::Error| format!("{error:#}");
    let mut config = Config::infer().await.map_err(|error| why(error.into()))?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(answer);
    let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
    let client = Client::try_from(config).map_err(|error| why(error.into()))?;
    Ok((client, namespace))
}
