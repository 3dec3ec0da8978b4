//! The environment of the engine: the time, random numbers and a queue of jobs, restricted to what
//! a policy may have.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use boa_engine::{
    Context, JsResult, Source,
    context::{
        HostHooks,
        time::{Clock, JsInstant},
    },
    job::{Job, JobExecutor, PromiseJob},
};
use lessor_policy::{LeaseEvent, Request};

/// The server's time of the current call, or the Unix epoch outside of a call.
pub(crate) struct Outside;

impl Clock for Outside {
    fn now(&self) -> JsInstant {
        JsInstant::new(0, 0)
    }

    fn system_time_millis(&self) -> i64 {
        let of_call = Request::entered(|request| request.server_time_ms())
            .or_else(|| LeaseEvent::entered(|event| event.server_time_ms()));
        of_call.and_then(|ms| ms.try_into().ok()).unwrap_or_default()
    }
}

impl HostHooks for Outside {
    /// Always UTC, because a policy does not see the server's time zone.
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }
}

/// The pending jobs of promises, which all run before the call ends.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<VecDeque<PromiseJob>>);

impl Jobs {
    /// Runs the pending jobs, and the jobs that they add.
    pub(crate) fn run(&self, context: &mut Context) -> JsResult<()> {
        loop {
            let Some(job) = self.0.borrow_mut().pop_front() else { return Ok(()) };
            job.call(context)?;
        }
    }
}

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _: &mut Context) {
        // Jobs of all other kinds wait for events that never happen here.
        if let Job::PromiseJob(job) = job {
            self.0.borrow_mut().push_back(job);
        }
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        self.run(context)
    }
}

/// Returns an engine without access to the outside.
pub(crate) fn context(jobs: Rc<Jobs>) -> JsResult<Context> {
    let mut context = Context::builder()
        .clock(Rc::new(Outside))
        .host_hooks(Rc::new(Outside))
        .job_executor(jobs)
        .build()?;
    context.eval(Source::from_bytes("delete Math.random"))?;
    Ok(context)
}
