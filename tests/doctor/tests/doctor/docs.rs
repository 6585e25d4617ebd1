//! docs/doctor.md says what the tests hold.

use anyhow::Result;
use realtime_doctor_tests::docs;

// One test for both: they are in one file, and each may write it.
#[test]
fn the_matrix_of_broken_servers_and_the_reasons_are_in_the_documentation() -> Result<()> {
    docs::check("docs/doctor.md", "servers", &docs::matrix())?;
    docs::check("docs/doctor.md", "reasons", &docs::reasons())
}
