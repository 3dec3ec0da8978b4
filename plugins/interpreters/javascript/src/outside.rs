//! What the engine would like to know of the outside: the time, random numbers, a queue for what comes
//! later. It gets what a policy may have.

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

/// The server's time of the call at hand; outside of a call the Unix epoch.
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
    /// UTC: the server's time zone is none of a policy's business.
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }
}

/// What promises want to do next. It is done before the call ends; there is no later.
#[derive(Default)]
pub(crate) struct Jobs(RefCell<VecDeque<PromiseJob>>);

impl Jobs {
    /// Does what is to be done, and what follows from it.
    pub(crate) fn run(&self, context: &mut Context) -> JsResult<()> {
        loop {
            let Some(job) = self.0.borrow_mut().pop_front() else { return Ok(()) };
            job.call(context)?;
        }
    }
}

impl JobExecutor for Jobs {
    fn enqueue_job(self: Rc<Self>, job: Job, _: &mut Context) {
        // All other kinds wait for something, which does not come.
        if let Job::PromiseJob(job) = job {
            self.0.borrow_mut().push_back(job);
        }
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        self.run(context)
    }
}

/// An engine without a window to the outside.
pub(crate) fn context(jobs: Rc<Jobs>) -> JsResult<Context> {
    let mut context = Context::builder()
        .clock(Rc::new(Outside))
        .host_hooks(Rc::new(Outside))
        .job_executor(jobs)
        .build()?;
    context.eval(Source::from_bytes("delete Math.random"))?;
    Ok(context)
}
