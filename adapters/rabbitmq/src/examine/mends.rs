//! The lines that mend, for the names that are in the broker's URL.

use fulfil_contract::examination::Finding;

use super::SHELL;
use crate::url::BrokerUrl;

pub(super) const MIGRATE: &str = "fulfil migrate";

/// What our user needs for everything, also to look.
pub(super) fn set_permissions(url: &BrokerUrl) -> String {
    let user = word(&url.uri().authority.userinfo.username);
    format!("rabbitmqctl set_permissions -p {} {user} '.*' '.*' '.*'", word(url.vhost()))
}

/// The lines that show every policy of both kinds; what a queue got from them in one line, 3.10 does not tell.
pub(super) fn policies_listed(finding: Finding, url: &BrokerUrl) -> Finding {
    let vhost = word(url.vhost());
    let none = "none may set delivery-limit, message-ttl, expires, max-length or overflow for orders.* or results";
    finding
        .mended(SHELL, format!("rabbitmqctl -p {vhost} list_policies   # {none}"))
        .mended(SHELL, format!("rabbitmqctl -p {vhost} list_operator_policies   # the same"))
}

/// A queue's arguments can't be changed. A quorum queue is deleted with all that is in it, so a person looks first: with
/// the flag that would keep a full one (`--if-empty`) the broker deletes none, and rabbitmqctl ends well all the same.
pub(super) fn queues_anew<'n>(finding: Finding, url: &BrokerUrl, names: impl Iterator<Item = &'n str>) -> Finding {
    let vhost = word(url.vhost());
    let look = format!(
        "rabbitmqctl -p {vhost} list_queues name messages   # publishers stopped, then workers: at 0 go on, what is in \
         it is deleted with it"
    );
    let finding = names.fold(finding.mended(SHELL, look), |finding, name| {
        finding.mended(SHELL, format!("rabbitmqctl -p {vhost} delete_queue {name}"))
    });
    finding.mended(SHELL, MIGRATE)
}

pub(super) fn exchange_anew(finding: Finding, url: &BrokerUrl, name: &str) -> Finding {
    let vhost = word(url.vhost());
    let line = format!("rabbitmqadmin -V {vhost} delete exchange name={name} && {MIGRATE}   # while nobody publishes");
    finding.mended(SHELL, line)
}

/// As a shell takes it for one word.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_each_name_for_one_word() {
        let url = BrokerUrl::parse("amqp://the%20shop:pw@h/it's%20ours").unwrap();
        assert_eq!(set_permissions(&url), r"rabbitmqctl set_permissions -p 'it'\''s ours' 'the shop' '.*' '.*' '.*'");
        let url = BrokerUrl::parse("amqp://h").unwrap();
        assert_eq!(set_permissions(&url), "rabbitmqctl set_permissions -p / guest '.*' '.*' '.*'");
    }
}
