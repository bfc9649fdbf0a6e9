//! The binary `freshet`: configuration, logging, and the wiring of engine and frontend.
//!
//! Decides nothing about SQL, data or protocol.

mod arguments;
mod logging;
mod memory;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Arguments { command, log } = Arguments::parse();
    let result = logging::start(&log).and_then(|()| match command {
        Command::Serve(options) => serve::run(&options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("freshet: {error:#}");
            ExitCode::FAILURE
        }
    }
}
