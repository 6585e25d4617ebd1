//! What a campaign comes to.

use std::{
    fmt, fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{Ground, Operator, co_owners, crash, faults, foreign, leadership, mutations, outages, stale};

/// How much of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Some cases of each sort, for every test run.
    Short,
    /// All.
    Long,
}

/// The campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Campaign {
    /// Every place of the spec gets good and bad values.
    Mutations,
    /// Requests fail by verb and kind.
    Faults,
    /// Events are dropped, doubled or late.
    Stale,
    /// Something of a child's name is somebody else's.
    Foreign,
    /// Of two operators one goes, dies, freezes or is cut off.
    Leadership,
    /// Others write to the children too.
    CoOwners,
    /// The apiserver, its store and the controllers are killed.
    Outages,
    /// The operator is killed at every write.
    Crash,
}

impl Campaign {
    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be run at all; what it finds is in the summary.
    pub async fn run(self, profile: Profile, seed: u64) -> Result<Summary> {
        let mut tally = Tally { profile, seed, ..Tally::new() };
        match self {
            Self::Mutations => mutations::run(&mut tally).await?,
            Self::Faults => faults::run(&mut tally).await?,
            Self::Stale => stale::run(&mut tally).await?,
            Self::Foreign => foreign::run(&mut tally).await?,
            Self::Leadership => leadership::run(&mut tally).await?,
            Self::CoOwners => co_owners::run(&mut tally).await?,
            Self::Outages => outages::run(&mut tally).await?,
            Self::Crash => crash::run(&mut tally).await?,
        }
        Ok(tally.end(self))
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// A campaign under way.
pub struct Tally {
    /// How much.
    pub profile: Profile,
    /// What chance begins from.
    pub seed: u64,
    began: Instant,
    cases: usize,
    alarms: Vec<String>,
    facts: Vec<String>,
}

impl Tally {
    fn new() -> Self {
        let began = Instant::now();
        Self { profile: Profile::Short, seed: 0, began, cases: 0, alarms: Vec::new(), facts: Vec::new() }
    }

    /// One of two, by profile.
    pub fn choose<T>(&self, short: T, long: T) -> T {
        match self.profile {
            Profile::Short => short,
            Profile::Long => long,
        }
    }

    /// Counts a case; where it failed, says which at once.
    pub fn case(&mut self, name: &str, outcome: Result<()>) {
        self.cases += 1;
        if self.cases.is_multiple_of(100) {
            eprintln!("{} cases, {} alarms, {} s", self.cases, self.alarms.len(), self.began.elapsed().as_secs());
        }
        if let Err(error) = outcome {
            eprintln!("ALARM {name}: {error:#}");
            self.alarms.push(format!("{name}: {error:#}"));
        }
    }

    /// Two cases that end every campaign: the operator has neither ended nor panicked, and none of its writes was careless.
    pub fn ends_well(&mut self, ground: &Ground, operator: &mut Operator) {
        self.case("the operator is well", operator.is_well());
        let sins = ground.proxy.record().sins();
        self.case("no write is careless", if sins.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{sins:?}")) });
    }

    /// A figure for the summary.
    pub fn fact(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }

    fn end(self, campaign: Campaign) -> Summary {
        let Self { profile, seed, began, cases, alarms, facts } = self;
        Summary { campaign: campaign.name(), profile, seed, cases, alarms, facts, duration: began.elapsed() }
    }
}

/// The outcome.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Which campaign.
    pub campaign: String,
    /// How much of it.
    pub profile: Profile,
    /// What chance began from.
    pub seed: u64,
    /// How many cases.
    pub cases: usize,
    /// What failed: case and reason.
    pub alarms: Vec<String>,
    /// Further figures.
    pub facts: Vec<String>,
    /// How long it took.
    pub duration: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { campaign, profile, seed, cases, alarms, facts, duration } = self;
        let profile = format!("{profile:?}").to_lowercase();
        let (alarms, seconds) = (alarms.len(), duration.as_secs());
        write!(f, "campaign {campaign} ({profile}, seed {seed}): {cases} cases, {alarms} alarms, {seconds} s")?;
        if !facts.is_empty() {
            write!(f, "; {}", facts.join("; "))?;
        }
        Ok(())
    }
}

const BEGIN: &str = "<!-- campaigns -->";
const END: &str = "<!-- /campaigns -->";

impl Summary {
    /// Puts its line into the table between the markers of a Markdown file, in place of an older one of its campaign.
    ///
    /// # Errors
    /// When the file has no markers or cannot be written.
    pub fn enter(&self, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
        fs::write(file, self.entered(&text)?).with_context(|| format!("failed to write {}", file.display()))
    }

    fn entered(&self, text: &str) -> Result<String> {
        let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
        let (before, (table, after)) = parts.with_context(|| format!("{BEGIN} and {END} are missing"))?;
        let own = format!("| {} |", self.campaign);
        let others = table.lines().filter(|line| {
            line.starts_with("| ")
                && !line.starts_with("| campaign")
                && !line.starts_with("| ---")
                && !line.starts_with(&own)
        });
        let mut rows: Vec<String> = others.map(str::to_owned).collect();
        ensure!(rows.iter().all(|row| row.matches('|').count() == 6), "the table has other columns");
        let Self { campaign, cases, alarms, facts, duration, .. } = self;
        let part = (self.profile == Profile::Short).then(|| "short profile".to_owned());
        let facts = part.iter().chain(facts).map(String::as_str).collect::<Vec<_>>().join("; ");
        let (alarms, seconds) = (alarms.len(), duration.as_secs());
        rows.push(format!("| {campaign} | {cases} | {alarms} | {seconds} s | {facts} |"));
        rows.sort();
        let head = "| campaign | cases | alarms | duration | figures |\n| --- | ---: | ---: | ---: | --- |";
        Ok(format!("{before}{BEGIN}\n{head}\n{}\n{END}{after}", rows.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_the_place_of_the_older_one_of_its_campaign() {
        let summary = |campaign: &str, cases| Summary {
            campaign: campaign.to_owned(),
            profile: Profile::Long,
            seed: 1,
            cases,
            alarms: Vec::new(),
            facts: Vec::new(),
            duration: Duration::from_secs(5),
        };
        let empty = format!("a\n{BEGIN}\n{END}\nb\n");
        let one = summary("stale", 3).entered(&empty).expect("markers");
        let two = summary("crash", 4).entered(&one).expect("markers");
        let again = summary("stale", 9).entered(&two).expect("markers");
        assert!(again.contains("| crash | 4 | 0 | 5 s |  |\n| stale | 9 | 0 | 5 s |  |\n"), "{again}");
        assert!(!again.contains("| stale | 3"), "{again}");
        assert_eq!(again.matches("| --- | ---:").count(), 1, "{again}");
        assert!(again.starts_with("a\n") && again.ends_with("b\n"), "{again}");
    }
}
