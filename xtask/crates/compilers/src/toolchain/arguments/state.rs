//! Replaces `--push-state` and `--pop-state` for a linker that has neither. At each pop, options are inserted
//! that restore the state of the push.

use super::{LinkArgument, LinkArgumentKind};

/// The options in effect for the libraries that follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LibraryState {
    as_needed: bool,
    whole: bool,
    only_archives: bool,
}

impl LibraryState {
    fn take(&mut self, option: &str) {
        match option {
            "--as-needed" | "-as-needed" => self.as_needed = true,
            "--no-as-needed" | "-no-as-needed" => self.as_needed = false,
            "--whole-archive" | "-whole-archive" => self.whole = true,
            "--no-whole-archive" | "-no-whole-archive" => self.whole = false,
            "-Bstatic" | "-dn" | "-static" | "-non_shared" => self.only_archives = true,
            "-Bdynamic" | "-dy" | "-call_shared" => self.only_archives = false,
            _ => {}
        }
    }

    /// Returns the options that change this state into another.
    fn to(self, then: Self) -> Vec<&'static str> {
        let change = |from, to, on, off| (from != to).then_some(if to { on } else { off });
        [
            change(self.as_needed, then.as_needed, "--as-needed", "--no-as-needed"),
            change(self.whole, then.whole, "--whole-archive", "--no-whole-archive"),
            change(self.only_archives, then.only_archives, "-Bstatic", "-Bdynamic"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Returns the same arguments without `--push-state` and `--pop-state`.
pub(in crate::toolchain) fn without_stack(args: Vec<LinkArgument>) -> Vec<LinkArgument> {
    let (mut state, mut stack, mut kept) = (LibraryState::default(), Vec::new(), Vec::new());
    for argument in args {
        match argument.name() {
            _ if argument.kind != LinkArgumentKind::Linker => kept.push(argument),
            "--push-state" | "-push-state" => stack.push(state),
            "--pop-state" | "-pop-state" => {
                let then = stack.pop().unwrap_or(state);
                let options = state.to(then).into_iter();
                kept.extend(
                    options.map(|it| LinkArgument { words: vec![it.to_owned()], ..argument.clone() }),
                );
                state = then;
            }
            option => {
                state.take(option);
                kept.push(argument);
            }
        }
    }
    kept
}
