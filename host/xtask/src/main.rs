//! `cargo xtask`: the one front door for developers. Each command does its own set-up and says
//! what it runs, so that what works here works in continuous integration too.

mod artifacts;
mod attack;
mod checkout;
mod command;
mod compare;
mod demo;
mod growth;
mod load;
mod overload;
mod pairs;
mod policies;
mod purity;
mod reloads;
mod server;
mod setup;
mod simulate;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, show, test and measure Lessor.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the server with its policies and a few simulated subscribers, before your eyes.
    Demo(demo::DemoArguments),
    /// Build what the tests need and run them all.
    Test(test::TestArguments),
    /// Build what runs scripts, where the server of this checkout looks for it.
    Interpreters,
    /// Build the policies that ship and the examples in every language, compare and measure these.
    Policies(policies::PoliciesArguments),
    /// Measure the server under load, with and without a policy, and Kea beside it.
    Load(load::LoadArguments),
    /// Play the same packets to this server, Kea, ISC dhcpd and dnsmasq, and compare the answers.
    Compare(compare::CompareArguments),
    /// Measure the server with more than it can serve, and what it costs at half of that.
    Overload(overload::OverloadArguments),
    /// Compares the speed of two builds of the server, in alternating pairs. Needs root.
    Pairs(pairs::PairsArguments),
    /// Measure what reloads cost clients, and what they leave in memory.
    Reloads(reloads::ReloadsArguments),
    /// Attack the server with floods, damage and nonsense, and show what it served, refused or lost.
    Attack(attack::AttackArguments),
    /// Write a large configuration, with its reservations in a file of their own.
    Configuration(growth::configuration::ConfigurationArguments),
    /// Measure what leases, networks and reservations cost as their number grows.
    Growth(growth::GrowthArguments),
    /// Simulate many servers and their clients, and look for a broken rule; `--seed` repeats one.
    Sim(simulate::SimulateArguments),
    /// Explore small worlds of a server or two completely.
    Worlds(simulate::SimulateArguments),
    /// Check format and lints, as continuous integration does.
    Lint,
    /// Prove that the core imports nothing: build it for bare WebAssembly and look.
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
        Task::Overload(arguments) => done(overload::run(&arguments)),
        Task::Pairs(arguments) => done(pairs::run(&arguments)),
        Task::Reloads(arguments) => done(reloads::run(&arguments)),
        Task::Attack(arguments) => done(attack::run(&arguments)),
        Task::Configuration(arguments) => done(growth::configuration::run(&arguments)),
        Task::Growth(arguments) => done(growth::run(&arguments)),
        Task::Sim(arguments) => done(simulate::simulate("simulation", &arguments)),
        Task::Worlds(arguments) => done(simulate::simulate("small_worlds", &arguments)),
        Task::Lint => done(test::lint()),
        Task::Purity => done(purity::run()),
        Task::Setup => done(setup::run()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("cargo xtask: {error:#}");
        ExitCode::FAILURE
    })
}
