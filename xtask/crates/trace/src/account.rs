//! Accounts for CPU time. Linux adds the CPU time of a process to a counter of its parent when the parent waits for its
//! end. A sampler sees a process only until its last sample, and a short one never. The counters of the parents contain
//! what it missed, so the sum is exact.

/// The accounts of all processes of a build, in ticks of a hundredth of a second. A parent comes before its children.
#[derive(Debug, Default)]
pub(crate) struct CpuAccounts {
    all: Vec<CpuAccount>,
}

/// The account of one process.
#[derive(Debug, Default)]
struct CpuAccount {
    parent: Option<usize>,
    /// The time of the process itself.
    own: u64,
    /// The time of the children that it has waited for, with their own children.
    reaped: u64,
    /// The part of `reaped` that is not assigned to children yet.
    unclaimed: u64,
    /// The children that have ended and whose time is not settled, each with the sample of its end.
    ended: Vec<(usize, u64)>,
    /// The time of children that no sample saw.
    unseen: u64,
}

impl CpuAccounts {
    /// Opens the account of a process and returns its number. `own` and `reaped` are the counters at its first sample.
    pub(crate) fn open(&mut self, parent: Option<usize>, own: u64, reaped: u64) -> usize {
        self.all.push(CpuAccount { parent, own, reaped, unclaimed: reaped, ..CpuAccount::default() });
        self.all.len() - 1
    }

    /// Enters the counters of a process at a later sample.
    pub(crate) fn enter(&mut self, index: usize, own: u64, reaped: u64) {
        let account = &mut self.all[index];
        account.own = account.own.max(own);
        account.unclaimed += reaped.saturating_sub(account.reaped);
        account.reaped = account.reaped.max(reaped);
    }

    /// Closes the account of a process that is gone at this sample. Children that are gone too must be closed first.
    pub(crate) fn close(&mut self, index: usize, sample: u64) {
        let known: u64 = self.all[index].ended.iter().map(|(child, _)| self.total(*child)).sum();
        let account = &mut self.all[index];
        // It waited for these children after its last sample.
        account.reaped += known.saturating_sub(account.unclaimed);
        account.unseen += account.unclaimed.saturating_sub(known);
        account.unclaimed = 0;
        account.ended.clear();
        if let Some(parent) = account.parent {
            self.all[parent].ended.push((index, sample));
        }
    }

    /// Assigns what a process has waited for to its children that were gone before this sample. A child gets at most
    /// `most` ticks beyond its own counters. The rest belongs to children that no sample saw.
    pub(crate) fn settle(&mut self, index: usize, sample: u64, most: u64) {
        let ended = std::mem::take(&mut self.all[index].ended);
        let all: u64 = ended.iter().map(|(child, _)| self.total(*child)).sum();
        // The counter of the parent was read before those of its children, so it may lack those that ended in this sample.
        let (settled, waiting): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(_, gone)| *gone < sample);
        self.all[index].ended = waiting;
        let known: u64 = settled.iter().map(|(child, _)| self.total(*child)).sum();
        let mut rest = self.all[index].unclaimed.saturating_sub(all);
        for (at, (child, _)) in settled.iter().enumerate() {
            let part = (rest / (settled.len() - at) as u64).min(most);
            self.all[*child].own += part;
            rest -= part;
            self.all[index].unclaimed -= part;
        }
        let account = &mut self.all[index];
        account.unclaimed = account.unclaimed.saturating_sub(known);
        if account.ended.is_empty() {
            account.unseen += account.unclaimed;
            account.unclaimed = 0;
        }
    }

    /// Returns the CPU time of a process itself, in seconds.
    pub(crate) fn own_s(&self, index: usize) -> f64 {
        seconds(self.all[index].own)
    }

    /// Returns the CPU time of the children of a process that no sample saw, in seconds.
    pub(crate) fn unseen_s(&self, index: usize) -> f64 {
        seconds(self.all[index].unseen)
    }

    /// Returns the CPU time of all processes so far, in seconds.
    pub(crate) fn sum_s(&self) -> f64 {
        seconds(self.all.iter().map(|account| account.own + account.unseen + account.unclaimed).sum())
    }

    fn total(&self, index: usize) -> u64 {
        self.all[index].own + self.all[index].reaped
    }
}

/// Returns the seconds of a number of ticks. Linux counts in hundredths of a second for programs on every architecture
/// on which Rust builds programs.
pub(crate) fn seconds(ticks: u64) -> f64 {
    ticks as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(accounts: &CpuAccounts) -> f64 {
        (0..accounts.all.len()).map(|i| accounts.own_s(i) + accounts.unseen_s(i)).sum()
    }

    #[test]
    fn the_tail_of_a_process_and_short_ones_are_in_the_sum() {
        let mut accounts = CpuAccounts::default();
        let root = accounts.open(None, 0, 0);
        let cargo = accounts.open(Some(root), 5, 0);
        let rustc = accounts.open(Some(cargo), 90, 0);
        // rustc used 2 more ticks after its last sample.
        accounts.enter(cargo, 6, 92);
        accounts.close(rustc, 1);
        accounts.settle(cargo, 1, 4);
        accounts.enter(cargo, 6, 92);
        accounts.settle(cargo, 2, 4);
        assert_eq!((accounts.own_s(rustc), accounts.unseen_s(cargo)), (0.92, 0.0));
        // A child that no sample saw.
        accounts.enter(cargo, 7, 95);
        accounts.settle(cargo, 3, 4);
        assert_eq!(accounts.unseen_s(cargo), 0.03);
        // cargo used one more tick, and waited for one more child.
        accounts.enter(root, 0, 7 + 95 + 2);
        accounts.close(cargo, 4);
        accounts.settle(root, 4, 4);
        accounts.settle(root, 5, 4);
        assert_eq!(accounts.own_s(cargo), 0.09);
        assert!((sum(&accounts) - 1.04).abs() < 1e-9, "{accounts:?}");
    }

    #[test]
    fn a_parent_that_ends_with_its_child_counts_it_once() {
        let mut accounts = CpuAccounts::default();
        let root = accounts.open(None, 0, 0);
        let driver = accounts.open(Some(root), 1, 0);
        let compiler = accounts.open(Some(driver), 200, 0);
        accounts.close(compiler, 1);
        accounts.close(driver, 1);
        accounts.enter(root, 0, 203);
        accounts.settle(root, 2, 4);
        assert_eq!((accounts.own_s(driver), accounts.own_s(compiler)), (0.03, 2.0));
        assert!((sum(&accounts) - 2.03).abs() < 1e-9);
    }

    #[test]
    fn what_is_more_than_a_tail_belongs_to_unseen_children() {
        let mut accounts = CpuAccounts::default();
        let root = accounts.open(None, 0, 0);
        let script = accounts.open(Some(root), 0, 0);
        accounts.close(script, 1);
        accounts.enter(root, 0, 100);
        accounts.settle(root, 2, 4);
        assert_eq!((accounts.own_s(script), accounts.unseen_s(root)), (0.04, 0.96));
    }
}
