//! What has to hold.

use crate::{
    scenario::{Scenario, Served},
    table::Row,
};

/// Returns in one second, as a multiple of the mean.
const HERD: f64 = 2.0;

/// The promises that a row breaks, in words.
pub fn broken(row: &Row) -> Vec<String> {
    if row.served == Served::Node {
        return Vec::new();
    }
    let account = &row.account;
    let mut broken = Vec::new();
    let mut holds = |is_so: bool, what: String| {
        if !is_so {
            broken.push(format!("{}: {what}", row.scenario));
        }
    };
    for (what, count) in [
        ("lost", account.lost),
        ("duplicated", account.duplicated),
        ("out of order", account.disordered),
        ("unconfirmed", account.unconfirmed),
        ("refused", account.errors),
    ] {
        if row.scenario == Scenario::Redis && ["lost", "refused"].contains(&what) {
            continue;
        }
        // Without rotation clients come back later than the recovery takes, and the figure says only that the bench can fail.
        holds(count == 0 || row.scenario == Scenario::RotationOff, format!("{count} messages {what}"));
    }
    match row.scenario {
        Scenario::RotationOff => {
            holds(account.abnormal() >= row.clients as u64, format!("only {} closes with 1006", account.abnormal()));
        }
        // Nobody can say goodbye for a process that was killed.
        Scenario::Kill => holds(account.abnormal() > 0, "nobody noticed the kill".to_owned()),
        Scenario::Steady => holds(account.closed() == 0, format!("{} closes", account.closed())),
        Scenario::Redis => {
            holds(account.closed() == 0, format!("{} closes", account.closed()));
            holds(account.errors > 0, "no publisher was told that Redis is away".to_owned());
            holds(account.unannounced == 0, format!("{} messages lost without a word", account.unannounced));
        }
        Scenario::Rotation => {
            holds(account.abnormal() == 0, format!("{} closes with 1006", account.abnormal()));
            holds(
                account.closed() >= row.clients as u64,
                format!("only {} closes: nobody was moved", account.closed()),
            );
            holds(account.herd() <= HERD, format!("{:.2} times the mean of returns in one second", account.herd()));
        }
        Scenario::ScaleOut => {
            holds(account.abnormal() == 0, format!("{} closes with 1006", account.abnormal()));
            let share = row.clients as u64 / 3;
            holds(account.closed() >= share, format!("only {} closes: new pods got no share", account.closed()));
        }
        Scenario::Rollout
        | Scenario::Versions
        | Scenario::ScaleIn
        | Scenario::Drain
        | Scenario::OperatorUpgrade
        | Scenario::Apiserver
        | Scenario::Etcd => {
            holds(account.abnormal() == 0, format!("{} closes with 1006", account.abnormal()));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{account::Account, usage::Usage};

    fn row(scenario: Scenario, account: Account) -> Row {
        Row {
            served: Served::Bundled,
            scenario,
            clients: 10,
            every: 1000,
            account,
            usage: Usage::now([].into_iter()).expect("nothing to read"),
        }
    }

    fn closes(code: &str, count: u64) -> Account {
        Account { closes: [(code.to_owned(), count)].into(), returns: vec![1; 10], ..Account::default() }
    }

    #[test]
    fn one_abnormal_close_breaks_the_promise_of_a_rotation() {
        assert!(broken(&row(Scenario::Rotation, closes("1001", 10))).is_empty());
        assert_eq!(broken(&row(Scenario::Rotation, closes("1001", 10).and(closes("1006", 1)))).len(), 1);
    }

    #[test]
    fn a_herd_breaks_it_too() {
        let herd = Account { returns: vec![9, 1], ..closes("1001", 10) };
        assert_eq!(broken(&row(Scenario::Rotation, herd)).len(), 0);
        let herd = Account { returns: vec![18, 1, 1, 1], ..closes("1001", 10) };
        assert_eq!(broken(&row(Scenario::Rotation, herd)).len(), 1);
    }

    #[test]
    fn without_rotation_there_have_to_be_abnormal_closes() {
        assert_eq!(broken(&row(Scenario::RotationOff, closes("1001", 10))).len(), 1);
        assert!(broken(&row(Scenario::RotationOff, closes("1006", 10))).is_empty());
    }

    #[test]
    fn one_lost_message_breaks_every_promise() {
        let lost = Account { lost: 1, ..closes("1006", 10) };
        assert_eq!(broken(&row(Scenario::Kill, lost)).len(), 1);
    }

    #[test]
    fn what_is_lost_with_redis_has_to_be_said() {
        let said = Account { lost: 3, errors: 3, ..Account::default() };
        assert!(broken(&row(Scenario::Redis, said.clone())).is_empty());
        assert_eq!(broken(&row(Scenario::Redis, Account { unannounced: 1, ..said })).len(), 1);
    }
}
