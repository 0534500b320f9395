//! A keeper, whose context is bound to its thread, is sent to another one.

use std::cell::Cell;

fn main() {
    let count = Cell::new(0);
    let mut keeper = native::keeper(|_| count.set(count.get() + 1));
    std::thread::scope(|scope| {
        scope.spawn(move || keeper.release());
    });
}
