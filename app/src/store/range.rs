//! Which keys a scan shows.

use std::ops::Bound;

/// A range of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// The lower bound of the keys.
    pub(crate) from: Bound<Vec<u8>>,
    /// The upper bound of the keys.
    pub(crate) to: Bound<Vec<u8>>,
}

impl Range {
    /// Returns the range of all keys.
    pub(crate) fn all() -> Self {
        Self { from: Bound::Unbounded, to: Bound::Unbounded }
    }

    /// The keys that begin with these bytes.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        // The first key behind all of them: without the 0xff at the end, which nothing can follow, and one higher.
        let rest = prefix.iter().rposition(|&byte| byte < 0xff);
        let to = rest.map_or(Bound::Unbounded, |last| {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            Bound::Excluded(end)
        });
        Self { from: Bound::Included(prefix.to_vec()), to }
    }

    /// The keys of both ranges.
    pub(crate) fn and(self, other: Self) -> Self {
        let key = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Included(key) => Some((key.clone(), false)),
            Bound::Excluded(key) => Some((key.clone(), true)),
            Bound::Unbounded => None,
        };
        let from = match (key(&self.from), key(&other.from)) {
            // Of equal keys, the excluded one is the narrower begin.
            (Some(a), Some(b)) => {
                if a >= b {
                    self.from
                } else {
                    other.from
                }
            }
            (None, _) => other.from,
            _ => self.from,
        };
        let narrow = |(key, excluded): (Vec<u8>, bool)| (key, !excluded);
        let to = match (key(&self.to).map(narrow), key(&other.to).map(narrow)) {
            (Some(a), Some(b)) => {
                if a <= b {
                    self.to
                } else {
                    other.to
                }
            }
            (None, _) => other.to,
            _ => self.to,
        };
        Self { from, to }
    }

    /// Whether no key can be in it. The engines differ in what they do then, or panic.
    pub(super) fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
                from >= to
            }
        }
    }

    /// Returns the lower and the upper bound as borrowed slices.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::RangeBounds;

    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xfe), Just(0xff)], 0..4)
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
    }

    /// Whether a key lies in a range, as the standard library sees it.
    fn has(range: &Range, key: &[u8]) -> bool {
        RangeBounds::<[u8]>::contains(&range.bounds(), key)
    }

    proptest! {
        #[test]
        fn a_prefix_is_the_keys_that_begin_with_it(prefix in key(), other in key()) {
            let range = Range::prefix(&prefix);
            prop_assert_eq!(has(&range, &other), other.starts_with(&prefix));
        }

        #[test]
        fn and_is_both(a in (bound(), bound()), b in (bound(), bound()), keys in prop::collection::vec(key(), 20)) {
            let (a, b) = (Range { from: a.0, to: a.1 }, Range { from: b.0, to: b.1 });
            let both = a.clone().and(b.clone());
            for key in &keys {
                let expected = has(&a, key) && has(&b, key);
                prop_assert_eq!(has(&both, key), expected);
                prop_assert!(!(both.is_empty() && expected));
            }
            if !both.is_empty() {
                // What is not called empty is what a BTreeSet takes without a panic.
                BTreeSet::from_iter(keys).range::<[u8], _>(both.bounds()).count();
            }
        }
    }
}
