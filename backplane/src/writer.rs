//! Writes: entries to the stream in the order in which they come, messages to channels, sessions.

use std::{fmt, sync::Arc, time::Duration};

use redis::{FromRedisValue, Pipeline, Value, aio::ConnectionLike};
use tokio::sync::mpsc;

use crate::{
    codec::{self, Body, Message, fields::Fields},
    driver::{Backplane, Config, Shared},
    id::Id,
    link::{Connection, strange},
    once::Once,
    problem::Problem,
};

/// Commands that are sent together.
const BATCH: usize = 256;

/// Hears what became of an entry.
pub type Done = Box<dyn FnOnce(Result<Id, Problem>) + Send>;

/// Something to write.
pub(crate) enum Command {
    Append { fields: Fields, done: Done },
    Once(Once),
    Publish { channel: String, payload: Vec<u8> },
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { fields, .. } => f.debug_tuple("Append").field(fields).finish(),
            Self::Once(once) => f.debug_tuple("Once").field(once).finish(),
            Self::Publish { channel, .. } => f.debug_tuple("Publish").field(channel).finish(),
        }
    }
}

impl Command {
    pub(crate) fn fail(self, problem: &Problem) {
        match self {
            Self::Append { done, .. } => done(Err(problem.clone())),
            Self::Once(once) => once.settle(Err(problem.clone())),
            Self::Publish { channel, .. } => tracing::debug!(channel, %problem, "a message is lost"),
        }
    }

    fn to_redis(&self, config: &Config) -> redis::Cmd {
        match self {
            Self::Append { fields, .. } => append(config, fields),
            Self::Once(once) => once.to_redis(config),
            Self::Publish { channel, payload } => {
                let mut command = redis::cmd("PUBLISH");
                command.arg(channel).arg(payload);
                command
            }
        }
    }
}

/// `XADD` as the package for Node does it.
pub(crate) fn append(config: &Config, fields: &Fields) -> redis::Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(&config.stream).arg("MAXLEN").arg("~").arg(config.max_length).arg("*");
    add_fields(&mut command, fields);
    command
}

pub(crate) fn add_fields(command: &mut redis::Cmd, fields: &Fields) {
    command.arg("uid").arg(&fields.uid).arg("nsp").arg(&fields.nsp).arg("type").arg(&fields.kind);
    if let Some(data) = &fields.data {
        command.arg("data").arg(data);
    }
    if let Some(number) = fields.number {
        command.arg("number").arg(number);
    }
    if let Some(publication) = &fields.publication {
        command.arg("publication").arg(publication);
    }
}

/// Writes what comes, for as long as the process runs.
pub(crate) async fn write(shared: Arc<Shared>, mut queue: mpsc::Receiver<Command>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let connection = match shared.connection() {
            Ok(connection) => connection,
            Err(problem) => {
                batch.drain(..).for_each(|command| command.fail(&problem));
                continue;
            }
        };
        if connection.is_cluster() {
            let (appends, messages): (Vec<_>, Vec<_>) =
                batch.drain(..).partition(|command| !matches!(command, Command::Publish { .. }));
            send(&shared, connection.clone(), appends).await;
            // A pipeline of a cluster goes to one node, and a channel has none.
            for message in messages {
                send(&shared, connection.clone(), vec![message]).await;
            }
        } else {
            send(&shared, connection, std::mem::take(&mut batch)).await;
        }
    }
}

async fn send(shared: &Shared, mut connection: Connection, commands: Vec<Command>) {
    let answers = match commands.as_slice() {
        [] => return,
        [command] => connection.req_packed_command(&command.to_redis(&shared.config)).await.map(|answer| vec![answer]),
        several => {
            let mut pipeline = Pipeline::with_capacity(several.len());
            several.iter().for_each(|command| {
                pipeline.add_command(command.to_redis(&shared.config));
            });
            connection.req_packed_commands(&pipeline, 0, several.len()).await
        }
    };
    match answers {
        Ok(answers) if answers.len() == commands.len() => {
            for (command, answer) in commands.into_iter().zip(answers) {
                settle(shared, command, answer);
            }
        }
        Ok(_) => commands.into_iter().for_each(|command| command.fail(&strange("as many answers as commands"))),
        Err(error) => {
            let problem = Problem::from(error);
            shared.failed(&problem);
            commands.into_iter().for_each(|command| command.fail(&problem));
        }
    }
}

fn settle(shared: &Shared, command: Command, answer: Value) {
    let answer = answer.extract_error().map_err(Problem::from);
    if let Err(problem) = &answer {
        shared.failed(problem);
    }
    match command {
        Command::Append { done, .. } => done(answer.and_then(|answer| {
            let id = String::from_redis_value(answer).ok().and_then(|id| id.parse().ok());
            id.ok_or_else(|| strange("XADD gives an id"))
        })),
        Command::Once(once) => once.settle(answer),
        Command::Publish { .. } => {}
    }
}

/// An entry that says that a server is there, and nothing else.
pub(crate) fn heartbeat(config: &Config) -> Fields {
    let uid = config.uid.clone();
    let here = Message { uid, nsp: "/".to_owned(), body: Body::Heartbeat };
    codec::fields::encode(&here).expect("it has no payload")
}

impl Backplane {
    /// Appends an entry that says nothing.
    pub fn beat(&self) {
        self.append(heartbeat(&self.shared.config), Box::new(drop));
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn remove(&self, id: Id) -> Result<(), Problem> {
        self.ask(redis::cmd("XDEL").arg(&self.shared.config.stream).arg(id.to_string())).await
    }

    /// Removes entries that are older.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn trim(&self, before: Id) -> Result<(), Problem> {
        let mut command = redis::cmd("XTRIM");
        self.ask(command.arg(&self.shared.config.stream).arg("MINID").arg("~").arg(before.to_string())).await
    }

    /// Keeps a session for so long.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn store_session(&self, pid: &str, session: &str, window: Duration) -> Result<(), Problem> {
        let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        self.ask(redis::cmd("SET").arg(self.session(pid)).arg(session).arg("PX").arg(millis)).await
    }

    /// Takes a session away.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn take_session(&self, pid: &str) -> Result<Option<String>, Problem> {
        self.ask(redis::cmd("GETDEL").arg(self.session(pid))).await
    }

    /// Looks at a session, which stays.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn session_of(&self, pid: &str) -> Result<Option<String>, Problem> {
        self.ask(redis::cmd("GET").arg(self.session(pid))).await
    }

    /// How many subscribe to a channel.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn subscribers(&self, channel: &str) -> Result<usize, Problem> {
        self.shared.connection()?.subscribers(channel).await
    }

    fn session(&self, pid: &str) -> String {
        format!("{}{pid}", self.shared.config.sessions)
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Problem> {
        let mut connection = self.shared.connection()?;
        command.query_async(&mut connection).await.map_err(|error| {
            let problem = Problem::from(error);
            self.shared.failed(&problem);
            problem
        })
    }
}
