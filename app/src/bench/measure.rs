//! The measurement: takes the samples of every task.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::statistics::Summary;
use super::{BenchReport, Figure};

/// One subject of one case, ready to be measured.
pub(super) struct MeasureTask {
    pub(super) case: &'static str,
    pub(super) subject: &'static str,
    /// Items of one call: what a sample is divided by, besides the number of calls.
    pub(super) items: u64,
    /// Makes so many calls. The loop is in here, so that the compiler sees which function it calls.
    pub(super) calls: Box<dyn FnMut(u64)>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeasurePlan {
    samples: usize,
    /// At least this long is a sample, where one call is not longer.
    sample: Duration,
    /// What takes longer than this in all gets fewer samples, but not fewer than [`FEWEST`].
    budget: Duration,
}

const FEWEST: usize = 3;

impl MeasurePlan {
    pub(super) const FULL: Self =
        Self { samples: 41, sample: Duration::from_millis(3), budget: Duration::from_secs(2) };
    pub(super) const QUICK: Self =
        Self { samples: 5, sample: Duration::from_micros(50), budget: Duration::ZERO };
}

/// Measures all tasks; those of one case, which stand together, take turns.
pub(super) fn all(mut tasks: Vec<MeasureTask>, plan: MeasurePlan) -> BenchReport {
    let clock = clock(plan);
    let mut figures = Vec::new();
    for tasks in tasks.chunk_by_mut(|a, b| a.case == b.case) {
        let quotas: Vec<Quota> = tasks.iter_mut().map(|task| quota(task, plan)).collect();
        let mut samples = vec![Vec::with_capacity(plan.samples); tasks.len()];
        for turn in 0..plan.samples {
            for ((task, quota), samples) in tasks.iter_mut().zip(&quotas).zip(&mut samples) {
                if turn < quota.samples {
                    let took = nanoseconds(time(task, quota.calls)) - clock.median;
                    // More items than 2⁵³ cannot be waited for.
                    samples.push(took.max(0.0) / (quota.calls as f64 * task.items as f64));
                }
            }
        }
        figures.extend(tasks.iter().zip(&samples).map(|(task, samples)| Figure {
            case: task.case,
            subject: task.subject,
            nanoseconds: Summary::of(samples),
        }));
    }
    BenchReport { optimised: !cfg!(debug_assertions), clock, figures }
}

/// What it costs to read the clock at the begin and at the end of a sample.
fn clock(plan: MeasurePlan) -> Summary {
    let samples: Vec<f64> = (0..plan.samples * 100).map(|_| nanoseconds(Instant::now().elapsed())).collect();
    Summary::of(&samples)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn time(task: &mut MeasureTask, calls: u64) -> Duration {
    let begin = Instant::now();
    (task.calls)(black_box(calls));
    begin.elapsed()
}

/// What is measured of a task.
struct Quota {
    calls: u64,
    samples: usize,
}

/// As many calls as a sample needs to be long enough, and as many samples as there is time for. This warms up, too.
fn quota(task: &mut MeasureTask, plan: MeasurePlan) -> Quota {
    let mut calls = 1;
    loop {
        let took = time(task, calls);
        if took >= plan.sample || calls > 1 << 40 {
            let fit = plan.budget.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return Quota { calls, samples: (fit as usize).clamp(FEWEST.min(plan.samples), plan.samples) };
        }
        // Aim a little above, and not too far at once: the first calls are the slowest.
        let factor = plan.sample.as_secs_f64() / took.as_secs_f64().max(1e-9) * 1.2;
        calls = (calls as f64 * factor.clamp(1.1, 16.0)).ceil() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// A task that takes as long as it should, and writes down what it was asked for.
    fn spin(
        case: &'static str,
        subject: &'static str,
        micros: u64,
        asked: &Rc<RefCell<Vec<&'static str>>>,
    ) -> MeasureTask {
        let asked = Rc::clone(asked);
        let calls = move |calls| {
            asked.borrow_mut().push(subject);
            let end = Instant::now() + Duration::from_micros(micros * calls);
            while Instant::now() < end {}
        };
        MeasureTask { case, subject, items: 10, calls: Box::new(calls) }
    }

    #[test]
    fn figures_are_per_item_and_subjects_take_turns() {
        let asked = Rc::new(RefCell::new(Vec::new()));
        let tasks =
            vec![spin("one", "a", 20, &asked), spin("one", "b", 60, &asked), spin("two", "a", 20, &asked)];
        let plan =
            MeasurePlan { samples: 9, sample: Duration::from_micros(500), budget: Duration::from_secs(9) };
        let report = all(tasks, plan);
        let names: Vec<_> = report.figures.iter().map(|figure| (figure.case, figure.subject)).collect();
        assert_eq!(names, [("one", "a"), ("one", "b"), ("two", "a")]);
        // The lowest sample is what the machine cannot make shorter.
        let lowest = |at: usize| report.figures[at].nanoseconds.min;
        assert!(lowest(0) >= 1_990.0 && lowest(1) >= 5_990.0, "{report:?}");
        assert!(lowest(1) / lowest(0) > 1.5, "{report:?}");
        let asked = asked.borrow();
        let turns = asked.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(turns >= 2 * 9 - 1, "{asked:?}");
    }
}
