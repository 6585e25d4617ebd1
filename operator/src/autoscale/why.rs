//! Why there are as many pods as there are: a closed set of words, for the condition, the Events and the metric.

use std::fmt;

macro_rules! whys {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why there are as many pods as there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Why {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Why {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word on labels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

whys! {
    /// Each pod has about as many connections as it should.
    Steady = "steady",
    /// There are more, and pods come.
    MoreConnections = "more_connections",
    /// There are fewer, and a pod goes.
    FewerConnections = "fewer_connections",
    /// There are fewer, and nothing goes before the window or the period is over.
    Settling = "settling",
    /// There are more, and no more pods may come.
    AtMaxReplicas = "at_max_replicas",
    /// There are fewer pods than there may be.
    BelowMinReplicas = "below_min_replicas",
    /// There are more pods than there may be.
    AboveMaxReplicas = "above_max_replicas",
    /// No pod says how many connections it has.
    NoReports = "no_reports",
    /// Somebody scaled the Deployment to 0, which switches autoscaling off.
    ScaledToZero = "scaled_to_zero",
    /// The HorizontalPodAutoscaler that decided before is not gone yet.
    NotAlone = "not_alone",
}

impl Why {
    /// Whether it is a reason to change the number of pods.
    #[must_use]
    pub const fn changes(self) -> bool {
        match self {
            Self::MoreConnections | Self::FewerConnections | Self::BelowMinReplicas | Self::AboveMaxReplicas => true,
            Self::Steady
            | Self::Settling
            | Self::AtMaxReplicas
            | Self::NoReports
            | Self::ScaledToZero
            | Self::NotAlone => false,
        }
    }
}

/// A change of the number of pods, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How many there were to be.
    pub from: i32,
    /// How many there are to be.
    pub to: i32,
    /// Why.
    pub why: Why,
    /// Open connections that pods reported.
    pub connections: u64,
    /// Pods that reported nothing.
    pub silent: usize,
    /// `connectionsPerReplica`.
    pub share: u64,
}

impl Change {
    /// The reason of its Event.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        if self.to > self.from { "ScaledOut" } else { "ScaledIn" }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, why, connections, silent, share } = self;
        write!(f, "{from} → {to} pods: ")?;
        match why {
            Why::BelowMinReplicas => return write!(f, "autoscaling.minReplicas is {to}."),
            Why::AboveMaxReplicas => return write!(f, "autoscaling.maxReplicas is {to}."),
            _ => {}
        }
        let are = if *connections == 1 { "connection is" } else { "connections are" };
        write!(f, "{connections} {are} open, and connectionsPerReplica is {share}.")?;
        match silent {
            0 => Ok(()),
            1 => f.write_str(" 1 pod does not report."),
            more => write!(f, " {more} pods do not report."),
        }
    }
}
