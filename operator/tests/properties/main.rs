//! What holds for the plan of every valid resource, over random ones that use every field.

mod checks;
mod documents;
mod exposures;
mod pods;
mod specs;
mod templates;
mod workloads;

use std::{num::NonZeroUsize, thread};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRunner},
};
use realtime_crds::{RealtimeService, ValidService, manifest};
use realtime_operator::plan::{Child, Settings, plan};

use specs::{Resource, resource};

/// Resources in pairs: two states in the life of one.
const PAIRS: u32 = 50_000;
/// What is read as JSON takes longer.
const DOCUMENTS: u32 = 2_000;

/// Runs the cases on every processor; a failure is shrunk and told.
fn hold<S: Strategy<Value: Send>>(cases: u32, strategy: fn() -> S, test: fn(S::Value) -> Result<(), TestCaseError>) {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = cases.div_ceil(u32::try_from(threads).expect("processors can be counted"));
    let run = || {
        let config = Config {
            cases: share,
            failure_persistence: None,
            max_shrink_iters: 2_000,
            // Every draw of a choice makes a generator of its own; this one is made quickly.
            rng_algorithm: RngAlgorithm::XorShift,
            ..Config::default()
        };
        TestRunner::new(config).run(&strategy(), test)
    };
    let failed = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().filter_map(|thread| thread.join().expect("a panic in a test is caught").err()).next()
    });
    match failed {
        None => {}
        Some(TestError::Fail(reason, input)) => panic!("{reason}\nfor {input:#?}"),
        Some(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

fn settings() -> Settings {
    Settings { server_image: "example.com/realtime-server:1.0.0".to_owned() }
}

fn valid(service: &RealtimeService) -> Result<ValidService, TestCaseError> {
    ValidService::new(service).map_err(|problems| TestCaseError::fail(realtime_crds::sentence(&problems)))
}

fn children(service: &ValidService) -> Vec<Child> {
    plan(service, &settings()).into_children()
}

#[test]
fn every_plan_of_a_hundred_thousand_holds_together() {
    hold(PAIRS, resource, |Resource { before, after, harmless }| {
        let states = [valid(&before)?, valid(&after)?];
        let plans = states.each_ref().map(children);
        prop_assert!(plans[0] == children(&states[0]), "another plan for the same input");
        for ((service, children), harmless) in states.iter().zip(&plans).zip(harmless) {
            checks::objects(service, children)?;
            checks::numbers(service, children)?;
            checks::references(service, children)?;
            pods::server(service, children)?;
            if harmless {
                pods::restricted(children)?;
            }
        }
        let [before, after] = plans.each_ref().map(|children| checks::selectors(children));
        prop_assert_eq!(before, after, "a selector cannot change");
        Ok(())
    });
}

/// The resources above are what the schema lets in: no spec that nobody can apply, and none that is read differently.
#[test]
fn every_resource_of_the_strategies_passes_the_schema() {
    hold(DOCUMENTS / 4, resource, |Resource { before, .. }| {
        let read = manifest::one(&manifest::bare(&before))
            .map_err(|problems| TestCaseError::fail(realtime_crds::sentence(&problems)))?;
        prop_assert_eq!(&read.spec, &before.spec);
        Ok(())
    });
}

#[test]
fn no_document_makes_the_manifest_or_the_plan_panic() {
    hold(DOCUMENTS, documents::document, |document| {
        if let Ok(service) = manifest::one(&document)
            && let Ok(valid) = ValidService::new(&service)
        {
            children(&valid);
        }
        Ok(())
    });
}
