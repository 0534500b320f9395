//! How many connections are open.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of open connections, which can be waited for.
#[derive(Debug, Default)]
pub(super) struct Connections(watch::Sender<usize>);

/// One connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot(Arc<Connections>);

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

impl Connections {
    /// One more, if there is a place for it.
    pub(super) fn enter(self: &Arc<Self>, max: usize) -> Option<ConnectionSlot> {
        let entered = self.0.send_if_modified(|open| {
            let room = *open < max;
            *open += usize::from(room);
            room
        });
        entered.then(|| ConnectionSlot(Arc::clone(self)))
    }

    /// Returns the number of open connections.
    pub(super) fn open(&self) -> usize {
        *self.0.borrow()
    }

    /// Ready when there is none.
    pub(super) async fn none(&self) {
        // The sender cannot fall while it is borrowed here.
        let _ = self.0.subscribe().wait_for(|open| *open == 0).await;
    }
}
