//! Group commit: what it combines, what it returns, and that every submission is answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use lessor_core::{Binding, Changes, StorageAnswer};
use lessor_store::{
    Committer, CommitterLimits, CommitterThread, MemoryStore, Store, StoreError, Submission,
};

use crate::support::{address, apart, change, conflict, conflicts, load};

const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: CommitterLimits = CommitterLimits { waiting_changes: 100, batch_changes: 10 };

/// A slow disk: each commit reports that it has begun, and then waits for permission to continue.
struct SlowStore {
    bindings: MemoryStore,
    begun: Sender<usize>,
    go_on: Receiver<CommitOutcome>,
}

/// The outcome of a commit.
#[derive(Clone, Copy)]
enum CommitOutcome {
    Succeed,
    Panic,
    GiveTooFewResults,
}

impl Store for SlowStore {
    fn load(&mut self, each: &mut dyn FnMut(Binding)) -> Result<u64, StoreError> {
        self.bindings.load(each)
    }

    fn commit(&mut self, batch: &[Changes]) -> Vec<StorageAnswer> {
        self.begun.send(batch.iter().flatten().count()).unwrap();
        match self.go_on.recv().unwrap() {
            CommitOutcome::Succeed => self.bindings.commit(batch),
            CommitOutcome::Panic => panic!("the disk is on fire"),
            CommitOutcome::GiveTooFewResults => vec![StorageAnswer::Made],
        }
    }
}

struct Bench {
    committer: Committer,
    thread: Option<CommitterThread>,
    /// The sizes of commits, as they begin.
    begun: Receiver<usize>,
    go_on: Sender<CommitOutcome>,
    bindings: MemoryStore,
    done: Sender<Done>,
    finished: Receiver<Done>,
}

/// The number and the results of a submission that is done.
type Done = (u32, Vec<Changes>, Vec<StorageAnswer>);

impl Bench {
    fn new(limits: CommitterLimits) -> Self {
        let bindings = MemoryStore::new();
        let (begin, begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let (done, finished) = mpsc::channel();
        let store = SlowStore { bindings: bindings.clone(), begun: begin, go_on: may_go_on };
        let (committer, thread) = Committer::start(Box::new(store), limits);
        Self { committer, thread: Some(thread), begun, go_on, bindings, done, finished }
    }

    /// A submission of `size` new bindings, starting with the address of `number`.
    fn submission(&self, number: u32, size: u32) -> Submission {
        let done = self.done.clone();
        Submission {
            decisions: apart((number..number + size).map(|number| change(address(number), 1))),
            on_done: Box::new(move |decisions, results| {
                done.send((number, decisions, results)).unwrap();
            }),
        }
    }

    fn submit(&self, number: u32, size: u32) {
        self.committer.submit(self.submission(number, size)).expect("there is room");
    }

    fn begun(&self) -> usize {
        self.begun.recv_timeout(PATIENCE).unwrap()
    }

    fn let_through(&self, outcome: CommitOutcome) {
        self.go_on.send(outcome).unwrap();
    }

    /// The next submission that is done: its number and results.
    fn finished(&self) -> (u32, Vec<StorageAnswer>) {
        let (number, decisions, results) = self.finished.recv_timeout(PATIENCE).unwrap();
        assert_eq!(decisions[0][0].binding.address, address(number));
        assert_eq!(decisions.len(), results.len());
        (number, results)
    }
}

#[test]
fn what_comes_during_a_flush_shares_the_next() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    assert_eq!(bench.begun(), 1);
    for number in 1..=8 {
        bench.submit(number, 1);
    }
    assert_eq!(bench.committer.status().waiting_changes, 8);
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 8);
    bench.let_through(CommitOutcome::Succeed);
    for number in 0..=8 {
        assert_eq!(bench.finished(), (number, vec![StorageAnswer::Made]));
    }
    let status = bench.committer.status();
    assert_eq!((status.flushes, status.changes, status.failed_flushes), (2, 9, 0));
    assert_eq!((status.largest_batch_changes, status.waiting_changes), (8, 0));
    assert!(status.longest_flush_us > 0 && status.flush_us >= status.longest_flush_us);
}

#[test]
fn a_batch_has_its_limit_and_splits_no_submission() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    assert_eq!(bench.begun(), 1);
    for (number, size) in [(10, 6), (20, 4), (30, 7), (40, 4), (50, 30), (90, 1)] {
        bench.submit(number, size);
    }
    bench.let_through(CommitOutcome::Succeed);
    for expected in [10, 7, 4, 30, 1] {
        assert_eq!(bench.begun(), expected);
        bench.let_through(CommitOutcome::Succeed);
    }
    for number in [0, 10, 20, 30, 40, 50, 90] {
        let (found, results) = bench.finished();
        assert_eq!(found, number);
        assert!(results.iter().all(|result| *result == StorageAnswer::Made));
    }
    assert_eq!(bench.committer.status().largest_batch_changes, 30);
}

#[test]
fn a_submission_beyond_the_limit_is_handed_back() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    assert_eq!(bench.begun(), 1);
    bench.submit(1_000, 99);
    let refused = bench.committer.submit(bench.submission(2_000, 2)).unwrap_err();
    assert_eq!(refused.decisions.len(), 2);
    bench.submit(3_000, 1);
    let refused_again = bench.committer.submit(refused).unwrap_err();
    assert_eq!(bench.committer.status().waiting_changes, 100);

    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 99);
    bench.committer.submit(refused_again).expect("there is room again");
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 3);
    bench.let_through(CommitOutcome::Succeed);
    let order: Vec<u32> = (0..4).map(|_| bench.finished().0).collect();
    assert_eq!(order, [0, 1_000, 3_000, 2_000]);
}

#[test]
fn conflicts_reach_the_submission_they_belong_to() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    bench.begun();
    bench.submit(1, 2);
    bench.submit(2, 2);
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 4);
    bench.let_through(CommitOutcome::Succeed);
    bench.finished();
    assert_eq!(bench.finished(), (1, vec![StorageAnswer::Made, StorageAnswer::Made]));
    assert_eq!(bench.finished(), (2, vec![conflict(address(2), 1), StorageAnswer::Made]));
    assert_eq!(bench.committer.status().failed_flushes, 0);
}

#[test]
fn decisions_of_several_changes_find_their_results_and_count_by_change() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    bench.begun();
    let submit = |number: u32, others: [u32; 2]| {
        let decision = |other| Changes::from_iter([number, other].map(|n| change(address(n), 1)));
        let done = bench.done.clone();
        let on_done = Box::new(move |decisions, results| {
            done.send((number, decisions, results)).unwrap();
        });
        let decisions = vec![decision(others[0]), decision(others[1])];
        bench.committer.submit(Submission { decisions, on_done }).unwrap();
    };
    submit(1, [2, 3]);
    submit(4, [0, 5]);
    assert_eq!(bench.committer.status().waiting_changes, 8);
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 8);
    bench.let_through(CommitOutcome::Succeed);
    bench.finished();
    let first = vec![StorageAnswer::Made, conflicts([Some((address(1), 1)), None])];
    assert_eq!(bench.finished(), (1, first));
    let second = vec![conflicts([None, Some((address(0), 1))]), StorageAnswer::Made];
    assert_eq!(bench.finished(), (4, second));
    assert_eq!(load(&mut bench.bindings.clone()).len(), 5);
}

#[test]
fn a_store_that_misbehaves_fails_the_batch_and_no_more() {
    let bench = Bench::new(LIMITS);
    for (number, outcome, said) in [
        (0, CommitOutcome::Panic, "the disk is on fire"),
        (10, CommitOutcome::GiveTooFewResults, "1 answers for 2 decisions"),
    ] {
        bench.submit(number, 2);
        bench.begun();
        bench.let_through(outcome);
        assert_eq!(
            bench.finished(),
            (number, vec![StorageAnswer::NotMade, StorageAnswer::NotMade])
        );
        let error = bench.committer.status().last_error.unwrap();
        assert!(error.contains(said), "{error}");
    }
    bench.submit(20, 1);
    bench.begun();
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.finished(), (20, vec![StorageAnswer::Made]));
    let status = bench.committer.status();
    assert_eq!((status.flushes, status.failed_flushes, status.last_error), (3, 2, None));
}

#[test]
fn a_flush_that_stands_still_has_submissions_handed_back_until_it_ends() {
    let bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    bench.begun();
    assert!(!bench.committer.is_stalled());
    bench.submit(1, 1);
    std::thread::sleep(Duration::from_millis(Committer::STALLED_AFTER_MS + 50));
    assert!(bench.committer.is_stalled());
    let error = bench.committer.status().last_error.unwrap();
    assert_eq!(error, "the disk does not answer: a flush has taken 1 s so far");
    let refused = bench.committer.submit(bench.submission(2, 1)).unwrap_err();
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.begun(), 1);
    assert!(!bench.committer.is_stalled());
    bench.committer.submit(refused).expect("the disk answers again");
    bench.let_through(CommitOutcome::Succeed);
    bench.begun();
    bench.let_through(CommitOutcome::Succeed);
    let order: Vec<u32> = (0..3).map(|_| bench.finished().0).collect();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn a_callback_that_panics_harms_nobody_else() {
    let bench = Bench::new(LIMITS);
    let decisions = apart([change(address(0), 1)]);
    let on_done = Box::new(|_, _| panic!("a mistake in the server"));
    bench.committer.submit(Submission { decisions, on_done }).unwrap();
    bench.begun();
    bench.submit(1, 1);
    bench.let_through(CommitOutcome::Succeed);
    bench.begun();
    bench.let_through(CommitOutcome::Succeed);
    assert_eq!(bench.finished(), (1, vec![StorageAnswer::Made]));
}

#[test]
fn closing_commits_what_waits_and_refuses_more() {
    let mut bench = Bench::new(LIMITS);
    bench.submit(0, 1);
    bench.begun();
    for number in 1..=25 {
        bench.submit(number, 1);
    }
    let thread = bench.thread.take().unwrap();
    let closing = thread::spawn(move || thread.close());
    while bench
        .committer
        .submit(Submission { decisions: Vec::new(), on_done: Box::new(|_, _| {}) })
        .is_ok()
    {
        thread::yield_now();
    }
    for _ in 0..4 {
        bench.let_through(CommitOutcome::Succeed);
    }
    closing.join().unwrap();
    let done: Vec<u32> = bench.finished.try_iter().map(|(number, ..)| number).collect();
    assert_eq!(done, (0..=25).collect::<Vec<u32>>());
    assert_eq!(load(&mut bench.bindings).len(), 26);
    let refused = bench.committer.submit(Submission {
        decisions: apart([change(address(99), 1)]),
        on_done: Box::new(|_, _| panic!("it was never taken")),
    });
    assert_eq!(refused.unwrap_err().decisions.len(), 1);
}

#[test]
fn many_threads_are_each_called_back_once() {
    let bindings = MemoryStore::new();
    let limits = CommitterLimits { waiting_changes: 50, batch_changes: 16 };
    let (committer, thread) = Committer::start(Box::new(bindings.clone()), limits);
    let called = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..4 {
            let committer = committer.clone();
            let called = &called;
            scope.spawn(move || {
                for number in 0..500 {
                    let called = Arc::clone(called);
                    let mut submission = Submission {
                        decisions: apart([change(address(worker * 1_000 + number), 1)]),
                        on_done: Box::new(move |_, results| {
                            assert_eq!(results, [StorageAnswer::Made]);
                            called.fetch_add(1, SeqCst);
                        }),
                    };
                    while let Err(refused) = committer.submit(submission) {
                        submission = refused;
                        thread::yield_now();
                    }
                }
            });
        }
    });
    thread.close();
    assert_eq!(called.load(SeqCst), 2_000);
    assert_eq!(load(&mut bindings.clone()).len(), 2_000);
    let status = committer.status();
    assert_eq!((status.changes, status.waiting_changes), (2_000, 0));
    assert!(status.largest_batch_changes <= 16);
}
