//! The users and groups of scratch images. They are the same as in distroless bases, so that a program finds
//! the same in both kinds of images.

/// The number of the user and of the group `nonroot`.
pub const NONROOT: u32 = 65532;

/// The content of `/etc/passwd`: the users `root`, `nobody` and `nonroot`.
pub const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\n\
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n\
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";

/// The content of `/etc/group`: the groups `root`, `nobody`, `tty`, `staff` and `nonroot`.
pub const GROUP: &str = "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n";

/// The content of `/etc/nsswitch.conf`: names come from files, host names also from DNS. Without it, some
/// resolvers ask DNS for `localhost`.
pub const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n\
protocols: files\nservices: files\nethers: files\nrpc: files\n";
