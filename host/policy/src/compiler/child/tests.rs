use super::*;

/// Runs a script in a shell and returns how it ended.
fn converse(script: &str, input: &[u8], patience: Duration) -> Ending {
    let slot = ChildSlot::default();
    let child = shell(&slot, script);
    child.converse([b"header\n", input], patience)
}

fn shell<'a>(slot: &'a ChildSlot, script: &str) -> Child<'a> {
    let arguments = ["-c", script].map(OsString::from);
    Child::start(slot, Path::new("/bin/sh"), &arguments).unwrap().unwrap()
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn what_goes_in_comes_out_however_long_it_is() {
    let input = vec![b'x'; 3 << 20];
    let ending = converse("cat; echo well >&2", &input, PATIENCE);
    assert_eq!(ending.said.len(), input.len() + 7);
    assert!(ending.said.starts_with(b"header\nx"));
    assert_eq!(ending.complaint, "well");
}

#[test]
fn a_child_that_reads_nothing_does_not_hold_up_its_end() {
    let ending = converse("echo done", &vec![b'x'; 3 << 20], PATIENCE);
    assert_eq!(ending.said, b"done\n");
}

#[test]
fn a_child_that_takes_too_long_is_killed() {
    let began = Instant::now();
    let ending = converse("sleep 60", b"", Duration::from_millis(200));
    assert_eq!(ending.end, End::Overdue);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_child_that_closes_its_pipes_and_goes_on_is_killed() {
    let began = Instant::now();
    converse("exec >&- 2>&-; sleep 60", b"", PATIENCE);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_child_that_closes_its_pipes_before_it_exits_keeps_its_status() {
    let ending = converse("exec >&- 2>&-; sleep 0.1; exit 3", b"", PATIENCE);
    assert_eq!(ending.end, End::Other("ended without an answer (exit status: 3)".to_owned()));
}

#[test]
fn how_a_child_ended_is_reported() {
    assert_eq!(converse("kill -XCPU $$", b"", PATIENCE).end, End::Processor);
    let out_of_memory = "echo memory allocation of 17 bytes failed >&2; kill -ABRT $$";
    assert_eq!(converse(out_of_memory, b"", PATIENCE).end, End::Memory);
    let End::Other(how) = converse("kill -ABRT $$", b"", PATIENCE).end else { panic!("other") };
    assert_eq!(how, "was ended by signal 6");
    let End::Other(how) = converse("kill -KILL $$", b"", PATIENCE).end else { panic!("other") };
    assert!(how.contains("killed by another process"), "{how}");
    let End::Other(how) = converse("exit 3", b"", PATIENCE).end else { panic!("other") };
    assert_eq!(how, "ended without an answer (exit status: 3)");
}

#[test]
fn complaints_cannot_write_on_a_terminal() {
    let ending = converse("printf '\\n \\033[2Jred\\nmore' >&2", b"", PATIENCE);
    assert_eq!(ending.complaint, "[2Jred");
}

#[test]
fn a_stop_kills_the_child_and_no_other_starts() {
    let slot = ChildSlot::default();
    let child = shell(&slot, "exec sleep 60");
    let began = Instant::now();
    let ending = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            slot.stop();
        });
        child.converse([b"", b""], PATIENCE)
    });
    assert_eq!(ending.end, End::Stopped);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(Child::start(&slot, Path::new("/bin/true"), &[]).unwrap().is_none());
}

#[test]
fn a_child_gets_no_environment() {
    // A shell sets some variables itself.
    let ending = converse("exec env", b"", PATIENCE);
    let said = String::from_utf8(ending.said).unwrap();
    assert!(
        said.lines().all(|line| ["PWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own))),
        "{said}"
    );
}
