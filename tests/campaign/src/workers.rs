//! Many cases at the same time, each with a service of its own.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use futures::{StreamExt, stream};

use crate::Ground;

/// Runs each case with the name of a service that nobody else uses meanwhile, and deletes that service afterwards; `done` is
/// told of each outcome.
pub async fn each<Case, Outcome>(
    ground: &Ground,
    (prefix, workers): (&str, usize),
    cases: Vec<Case>,
    one: impl AsyncFn(&Case, &str) -> Result<Outcome>,
    mut done: impl FnMut(&Case, Result<Outcome>),
) {
    let free: Mutex<Vec<String>> = Mutex::new((0..workers).map(|number| format!("{prefix}{number:02}")).collect());
    let lock = || free.lock().unwrap_or_else(PoisonError::into_inner);
    let outcomes = stream::iter(cases).map(|case| {
        let (one, lock) = (&one, &lock);
        async move {
            let name = lock().pop().expect("as many as there are workers");
            let outcome = one(&case, &name).await;
            ground.proxy.heal(&name);
            let cleared = ground.delete(&name).await.context("cannot be cleared away");
            lock().push(name);
            (case, outcome.and_then(|outcome| cleared.map(|()| outcome)))
        }
    });
    let mut outcomes = std::pin::pin!(outcomes.buffer_unordered(workers));
    while let Some((case, outcome)) = outcomes.next().await {
        done(&case, outcome);
    }
}
