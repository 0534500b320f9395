//! The values of a workflow's expressions, as far as a rehearsal knows them. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use xtask_files::error::{Error, Result};

/// Values by the name of an output, a column of the matrix, or an expression.
pub(super) type ValueMap = BTreeMap<String, String>;

/// What the expressions of a job's steps stand for.
pub(super) struct JobValues<'a> {
    /// The values that are the same everywhere: `github.actor`, `secrets.NAME`.
    pub(super) fixed: &'a ValueMap,
    /// The outputs of the jobs that ended.
    pub(super) jobs: &'a BTreeMap<String, ValueMap>,
    /// The row of the matrix.
    pub(super) row: &'a ValueMap,
    /// The number of the row, from 0.
    pub(super) index: usize,
    /// The outputs of the job's steps so far, by the names of the steps.
    pub(super) steps: BTreeMap<String, ValueMap>,
}

impl JobValues<'_> {
    /// Returns the value of an expression, or none if it is not known.
    pub(super) fn get(&self, expression: &str) -> Option<String> {
        let call = expression.strip_suffix(')').and_then(|call| call.split_once('('));
        let inner =
            call.filter(|(name, _)| name.eq_ignore_ascii_case("fromjson")).map(|(_, inner)| inner.trim());
        let expression = inner.unwrap_or(expression);
        let parts: Vec<&str> = expression.split('.').collect();
        match parts[..] {
            ["matrix", column] => self.row.get(column).cloned(),
            ["strategy", "job-index"] => Some(self.index.to_string()),
            ["steps", step, "outputs", name] => self.steps.get(step)?.get(name).cloned(),
            ["needs", job, "outputs", name] => self.jobs.get(job)?.get(name).cloned(),
            _ => self.fixed.get(expression).cloned(),
        }
    }
}

/// Reads the rows of a matrix in the form `{"include":[…]}`.
///
/// # Errors
/// The text has another form.
pub(super) fn rows(text: &str) -> Result<Vec<ValueMap>> {
    let other = || Error::failed("the matrix is not `{\"include\":[…]}`").found(text);
    let document: Value = serde_json::from_str(text).map_err(|_| other())?;
    let include = document["include"].as_array().ok_or_else(other)?;
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |row: &Value| {
        Some(row.as_object()?.iter().map(|(column, value)| (column.clone(), shown(value))).collect())
    };
    include.iter().map(|value| row(value).ok_or_else(other)).collect()
}

/// Reads what a step wrote to `GITHUB_OUTPUT`: lines `name=value`.
///
/// # Errors
/// A line has another form.
pub(super) fn outputs(text: &str) -> Result<ValueMap> {
    let pair = |line: &str| {
        let (name, value) =
            line.split_once('=').filter(|(name, _)| !name.contains("<<")).ok_or_else(|| {
                Error::failed("a line of GITHUB_OUTPUT is not `name=value`, which alone is read").found(line)
            })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    text.lines().filter(|line| !line.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> ValueMap {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn expressions_have_the_values_of_their_places() {
        let fixed = map(&[("github.actor", "me")]);
        let rows = rows(r#"{"include":[{"id":"a+b","seconds":3.5},{"id":"c"}]}"#).unwrap();
        let jobs = BTreeMap::from([("plan".to_owned(), outputs("matrix={\"a\":\"b=c\"}\n\nx=\n").unwrap())]);
        let steps = BTreeMap::from([("one".to_owned(), map(&[("out", "1")]))]);
        let values = JobValues { fixed: &fixed, jobs: &jobs, row: &rows[0], index: 1, steps };
        for (expression, value) in [
            ("matrix.id", Some("a+b")),
            ("matrix.seconds", Some("3.5")),
            ("matrix.none", None),
            ("strategy.job-index", Some("1")),
            ("steps.one.outputs.out", Some("1")),
            ("steps.two.outputs.out", None),
            ("needs.plan.outputs.x", Some("")),
            ("fromJSON(needs.plan.outputs.matrix)", Some("{\"a\":\"b=c\"}")),
            ("fromJson(needs.none.outputs.matrix)", None),
            ("fromJSON(fromJSON(needs.plan.outputs.matrix))", None),
            ("github.actor", Some("me")),
            ("github.actor == 'me'", None),
            ("", None),
        ] {
            assert_eq!(values.get(expression).as_deref(), value, "{expression}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "[]", r#"{"include":{}}"#, r#"{"include":[1]}"#] {
            assert!(super::rows(text).is_err(), "{text}");
        }
        for text in ["name<<EOF\nx\nEOF", "nothing"] {
            assert!(outputs(text).is_err(), "{text}");
        }
    }
}
