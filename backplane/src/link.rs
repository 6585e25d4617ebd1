//! The connections to Redis: one to write, one to read with, which blocks, one for channels.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisFuture,
    RedisResult, TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::{ClusterClient, ClusterConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use crate::{
    address::{Address, Nodes, Sentinel},
    problem::{Problem, Reason},
    source::Source,
};

const CONNECT: Duration = Duration::from_secs(3);
/// Longest that anything but a blocking read may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(3);
/// How long a read waits for entries.
pub(crate) const BLOCK: Duration = Duration::from_secs(2);

/// A connection that several tasks may use.
#[derive(Clone)]
pub(crate) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// All connections.
pub(crate) struct Link {
    pub(crate) commands: Connection,
    pub(crate) reads: Connection,
    pub(crate) channels: PubSub,
}

impl Link {
    pub(crate) async fn open(source: &Source) -> Result<Self, Problem> {
        let (url, authority) = source.read()?;
        let certificates = TlsCertificates { client_tls: None, root_cert: authority };
        match Address::parse(&url)? {
            Address::Single(info) => Self::single(&client(*info, &certificates)?).await,
            Address::Sentinel(sentinel) => {
                let master = sentinels(&sentinel, &certificates)?.async_get_client().await?;
                Self::single(&master).await
            }
            Address::Cluster(nodes) => Self::cluster(&nodes, &certificates).await,
        }
    }

    /// One connection alone, for one that waits for entries.
    pub(crate) async fn waiting(source: &Source) -> Result<Connection, Problem> {
        let (url, authority) = source.read()?;
        let certificates = TlsCertificates { client_tls: None, root_cert: authority };
        match Address::parse(&url)? {
            Address::Single(info) => Connection::of(&client(*info, &certificates)?, BLOCK + ANSWER).await,
            Address::Sentinel(sentinel) => {
                let master = sentinels(&sentinel, &certificates)?.async_get_client().await?;
                Connection::of(&master, BLOCK + ANSWER).await
            }
            Address::Cluster(nodes) => {
                let config = ClusterConfig::new().set_connection_timeout(CONNECT).set_response_timeout(BLOCK + ANSWER);
                let cluster = cluster_client(&nodes, &certificates)?;
                Ok(Connection::Cluster(cluster.get_async_connection_with_config(config).await?))
            }
        }
    }

    async fn single(client: &Client) -> Result<Self, Problem> {
        let commands = Connection::of(client, ANSWER).await?;
        let reads = Connection::of(client, BLOCK + ANSWER).await?;
        Ok(Self { commands, reads, channels: subscriber(client).await? })
    }

    async fn cluster(nodes: &Nodes, certificates: &TlsCertificates) -> Result<Self, Problem> {
        let cluster = cluster_client(nodes, certificates)?;
        let config = |answer| ClusterConfig::new().set_connection_timeout(CONNECT).set_response_timeout(answer);
        let commands = cluster.get_async_connection_with_config(config(ANSWER)).await?;
        let reads = cluster.get_async_connection_with_config(config(BLOCK + ANSWER)).await?;
        // A channel is the same on every node.
        let mut problem = Problem::new(Reason::ClusterDown, "no node of the cluster answers");
        for address in nodes.addresses() {
            let mut info = info(address);
            let mut settings = info.redis_settings().clone();
            if let Some(user) = &nodes.user {
                settings = settings.set_username(user);
            }
            if let Some(password) = &nodes.password {
                settings = settings.set_password(password);
            }
            info = info.set_redis_settings(settings);
            match subscriber(&client(info, certificates)?).await {
                Ok(channels) => {
                    return Ok(Self {
                        commands: Connection::Cluster(commands),
                        reads: Connection::Cluster(reads),
                        channels,
                    });
                }
                Err(other) => problem = other,
            }
        }
        Err(problem)
    }
}

fn cluster_client(nodes: &Nodes, certificates: &TlsCertificates) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClient::builder(nodes.addresses().map(info)).retries(2);
    if nodes.has_tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates.clone());
    }
    if let Some(user) = &nodes.user {
        builder = builder.username(user);
    }
    if let Some(password) = &nodes.password {
        builder = builder.password(password);
    }
    builder.connection_timeout(CONNECT).build()
}

/// One that speaks TLS takes certificates, and no other.
fn client(info: ConnectionInfo, certificates: &TlsCertificates) -> RedisResult<Client> {
    match info.addr() {
        ConnectionAddr::TcpTls { .. } => Client::build_with_tls(info, certificates.clone()),
        _ => Client::open(info),
    }
}

async fn subscriber(client: &Client) -> Result<PubSub, Problem> {
    let late = |_| Problem::new(Reason::Timeout, "no connection in time");
    Ok(tokio::time::timeout(CONNECT, client.get_async_pubsub()).await.map_err(late)??)
}

fn info(address: ConnectionAddr) -> ConnectionInfo {
    redis::IntoConnectionInfo::into_connection_info(address).expect("an address is one")
}

fn sentinels(sentinel: &Sentinel, certificates: &TlsCertificates) -> RedisResult<SentinelClient> {
    let Sentinel { nodes, master, database, user, password } = sentinel;
    let mut builder = SentinelClientBuilder::new(nodes.addresses(), master, SentinelServerType::Master)?
        .set_client_to_redis_db(*database);
    if nodes.has_tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates.clone());
    }
    if let Some(user) = &nodes.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &nodes.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

impl Connection {
    async fn of(client: &Client, answer: Duration) -> Result<Self, Problem> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT));
        let config = config.set_response_timeout(Some(answer));
        Ok(Self::Single(client.get_multiplexed_async_connection_with_config(&config).await?))
    }

    /// How many subscribe to a channel.
    pub(crate) async fn subscribers(&mut self, channel: &str) -> Result<usize, Problem> {
        let mut command = redis::cmd("PUBSUB");
        command.arg("NUMSUB").arg(channel);
        let count = |value: Value| redis::from_redis_value::<(String, usize)>(value).map(|(_, count)| count);
        match self {
            Self::Single(connection) => {
                let value: Value = command.query_async(connection).await?;
                Ok(count(value).map_err(RedisError::from)?)
            }
            Self::Cluster(connection) => {
                let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllNodes, None));
                let answers = match connection.route_command(command, everywhere).await? {
                    Value::Map(answers) => answers.into_iter().map(|(_, answer)| answer).collect(),
                    Value::Array(answers) => answers,
                    _ => Vec::new(),
                };
                Ok(answers.into_iter().filter_map(|answer| count(answer).ok()).sum())
            }
        }
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// An answer that is none of those expected.
pub(crate) fn strange(what: &'static str) -> Problem {
    RedisError::from((ErrorKind::UnexpectedReturnType, what)).into()
}
