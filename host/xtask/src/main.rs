//! `cargo xtask`: the commands for developers. Each command does its own set-up and prints the
//! programs that it runs, so that it works in the same way in continuous integration.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod artifacts;
mod attack;
mod command;
mod compare;
mod conformance;
mod demo;
mod growth;
mod load;
mod members;
mod overload;
mod package;
mod pairs;
mod policies;
mod reloads;
mod server;
mod setup;
mod simulate;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, demonstrate, test and measure Lessor.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run a demonstration of the server with its policies and simulated subscribers.
    Demo(demo::DemoArguments),
    /// Build everything that the tests need and run all tests.
    Test(test::TestArguments),
    /// Build the interpreters of scripts for the server of this checkout.
    Interpreters,
    /// Build the shipped policies and the example in every language; test and measure the examples.
    Policies(policies::PoliciesArguments),
    /// Measure the server under load, with and without a policy, and compare it with Kea.
    Load(load::LoadArguments),
    /// Send the same packets to this server, Kea, ISC dhcpd and dnsmasq, and compare the answers.
    Compare(compare::CompareArguments),
    /// Test what the RFCs demand, with this server or with Kea, ISC dhcpd and dnsmasq as controls.
    Conformance(conformance::ConformanceArguments),
    /// Build the Debian package and the static tarball; `--test` installs, upgrades, downgrades and
    /// purges the package in a clean Debian root.
    Package(package::PackageArguments),
    /// Measure the server under overload, and its processor time at half of its capacity.
    Overload(overload::OverloadArguments),
    /// Compare the speed of two builds of the server, in alternating pairs. Needs root.
    Pairs(pairs::PairsArguments),
    /// Measure the effect of reloads on latency and memory.
    Reloads(reloads::ReloadsArguments),
    /// Attack the server with floods, damage and malformed input, and show what it served, refused
    /// or lost.
    Attack(attack::AttackArguments),
    /// Write a large configuration with a separate file of reservations.
    Configuration(growth::configuration::ConfigurationArguments),
    /// Measure the cost of leases, networks and reservations as their number grows.
    Growth(growth::GrowthArguments),
    /// Simulate random servers and clients and check the rules; `--seed` repeats a run.
    Sim(simulate::SimulateArguments),
    /// Explore small worlds of one or two servers exhaustively.
    Worlds(simulate::SimulateArguments),
    /// Check formatting and lints, as continuous integration does.
    Lint,
    /// Build the core for bare WebAssembly and check that it imports nothing.
    Purity,
    /// Install the Debian packages that the end-to-end tests use; needs root.
    Setup,
}

fn main() -> ExitCode {
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    let result = match Arguments::parse().command {
        Task::Demo(arguments) => done(demo::run(&arguments)),
        Task::Test(arguments) => done(test::run_tests(&arguments)),
        Task::Policies(arguments) => policies::run(&arguments),
        Task::Interpreters => {
            done(artifacts::interpreters().map(|folder| println!("{}", folder.display())))
        }
        Task::Load(arguments) => done(load::run(&arguments)),
        Task::Compare(arguments) => done(compare::run(&arguments)),
        Task::Conformance(arguments) => done(conformance::run(&arguments)),
        Task::Overload(arguments) => done(overload::run(&arguments)),
        Task::Package(arguments) => done(package::run_command(&arguments)),
        Task::Pairs(arguments) => done(pairs::run(&arguments)),
        Task::Reloads(arguments) => done(reloads::run(&arguments)),
        Task::Attack(arguments) => done(attack::run(&arguments)),
        Task::Configuration(arguments) => done(growth::configuration::run(&arguments)),
        Task::Growth(arguments) => done(growth::run(&arguments)),
        Task::Sim(arguments) => done(simulate::simulate("simulation", &arguments)),
        Task::Worlds(arguments) => done(simulate::simulate("small_worlds", &arguments)),
        Task::Lint => done(test::lint()),
        Task::Purity => done(test::purity()),
        Task::Setup => done(setup::run()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("cargo xtask: {error:#}");
        ExitCode::FAILURE
    })
}
