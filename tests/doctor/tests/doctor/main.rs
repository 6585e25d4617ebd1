//! The doctor against real servers with one mistake each, and against what Chromium does.

mod chromium;
mod cli;
mod docs;
mod servers;
