//! docs/doctor.md says what the tests hold.

use anyhow::{Result, ensure};
use realtime_doctor::Rung;
use realtime_doctor_tests::docs;
use realtime_ladder::programs;

// One test for both: they are in one file, and each may write it.
#[test]
fn the_matrix_of_broken_servers_and_the_reasons_are_in_the_documentation() -> Result<()> {
    docs::check("docs/doctor.md", "servers", &docs::matrix())?;
    docs::check("docs/doctor.md", "reasons", &docs::reasons())
}

#[test]
fn every_rung_has_the_page_that_the_doctor_points_to() -> Result<()> {
    for rung in Rung::ALL {
        ensure!(programs::root().join(rung.page()).is_file(), "{} is not there", rung.page());
    }
    Ok(())
}
