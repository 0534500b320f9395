//! Ends a test, visibly, where this machine lacks something.

pub(crate) use crate::shared_skip::skipped;

/// Ends the test, visibly, where this machine lacks something.
macro_rules! need {
    ($test:literal, $($what:expr),+ $(,)?) => {
        $(
            if let Err(missing) = $what {
                $crate::skip::skipped($test, &missing);
                return;
            }
        )+
    };
}
pub(crate) use need;
