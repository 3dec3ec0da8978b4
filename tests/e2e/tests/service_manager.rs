//! The notifications to systemd (sd_notify(3), services of type `notify-reload`).

use nix::sys::signal::Signal;

use lessor_e2e::{Notifications, Setup, monotonic_usec};

const SUBNETS: &str = r#"
    [[subnet]]
    prefix = "100.64.0.0/24"
    pool = [{ name = "some", range = "100.64.0.10-100.64.0.20" }]
"#;

#[test]
fn ready_reloading_and_stopping_are_reported() {
    let manager = Notifications::open();
    let setup = Setup::on_loopback(SUBNETS).with_environment("NOTIFY_SOCKET", manager.path());
    let mut server = setup.start();
    assert_eq!(manager.next(), ["READY=1"]);

    let before = monotonic_usec();
    assert!(server.hang_up().accepted);
    reloading_then_ready(&manager, before);

    // A refused reload also ends with a notification.
    let before = monotonic_usec();
    server.setup().put_subnets("[[subnet]]\n");
    assert!(!server.hang_up().accepted);
    reloading_then_ready(&manager, before);

    server.process().signal(Signal::SIGTERM);
    assert_eq!(manager.next(), ["STOPPING=1"]);
}

#[track_caller]
fn reloading_then_ready(manager: &Notifications, before: u64) {
    let lines = manager.next();
    let [reloading, since] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(reloading, "RELOADING=1");
    let since = since.strip_prefix("MONOTONIC_USEC=").unwrap_or_else(|| panic!("{lines:?}"));
    // systemd ignores a time before it requested the reload.
    let since: u64 = since.parse().unwrap();
    assert!((before..=monotonic_usec()).contains(&since), "{since} is not since {before}");
    assert_eq!(manager.next(), ["READY=1"]);
}
