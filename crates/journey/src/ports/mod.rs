//! What the journey needs of the world, and nothing more: a store, an identity source, couriers, a
//! clock. SQLite, PostgreSQL, Hermes and the rest stand behind these.

mod announcer;
mod courier;
mod identity;
mod inbox;
mod inquiry;
mod messenger;
mod queue;
mod secrets;
mod signals;
mod store;
mod turn;
mod world;

pub use announcer::{AnnounceError, Announcer};
pub use courier::{AppendError, FileCourier, FileHold};
pub use identity::{BuiltInLinks, Identity, IdentityError};
pub use inbox::{Arrival, Inbox, InboxError, Inboxes, Readable};
pub use inquiry::{
    Arrivals, AuditFinding, Counts, EndRow, ExportRow, ExportScope, FileRow, ForReview, Gauges,
    HISTORY_PAGE, HistoryPage, HistoryScope, Inquiry, LogRow, MatchRow, OpenCount, Paid,
    ProposalRow, RejectRow, SaleStory, Side, Sold, Sought, Status, Story, TransactionRow,
    WithoutSale,
};
pub use messenger::{Messenger, Sent};
pub use queue::{MessageQueue, QueueError};
pub use secrets::{FirstOf, SecretError, Secrets};
pub use signals::{CheckIns, Part, Signals, WithinProcess};
pub use store::{
    AmountProbe, Answered, AnsweredBefore, CommitError, Committed, FileArrival, FileClaim,
    ImportOutcome, Job, KeptRecord, Lease, Probe, RecordKey, SentBefore, Store, StoreError,
    Undecided, UndecidedPayment, Unsettled,
};
pub use turn::{Before, Turn};
pub use world::{Clock, Holder, SystemClock, Uids};
