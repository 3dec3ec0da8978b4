//! Leases in the answer of Kea to `lease4-get-all` or `lease4-get-page`: the command's answer as
//! it is, or only its list of leases.

use crate::{
    input::{Reader, Text},
    leases::{Gathered, Times},
    place::Refusal,
};

use super::{
    json::{self, Node},
    lease_csv::{Fields, relay_information},
};

/// Reads a file.
pub(super) fn read(text: &Text, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    let node = json::parse(text, &mut Reader::of_leases())?;
    for answer in answers(&node) {
        for lease in leases(answer)? {
            put(lease, times, into)?;
        }
    }
    Ok(())
}

/// Kea answers with a list if the control agent is asked, one answer for each server.
fn answers(node: &Node) -> Vec<&Node> {
    match node.list() {
        Some(list) if list.iter().any(|item| item.get("result").is_some()) => list.iter().collect(),
        _ => vec![node],
    }
}

fn leases(answer: &Node) -> Result<&[Node], Refusal> {
    let refused = answer.get("result").and_then(Node::number::<i64>);
    // 3 is "no leases found".
    if let Some(result) = refused.filter(|result| *result != 0 && *result != 3) {
        let said = answer.get("text").and_then(Node::text).unwrap_or_default();
        let found = format!("Kea answered with the error {result}: {said:?}");
        return Err(answer.place.refuse(found, "repeat the command lease4-get-all"));
    }
    let of = answer.get("arguments").and_then(|arguments| arguments.get("leases"));
    let list = answer.list().or_else(|| answer.get("leases").and_then(Node::list));
    match of.and_then(Node::list).or(list) {
        Some(leases) => Ok(leases),
        None if refused == Some(3) => Ok(&[]),
        None => Err(answer.place.refuse(
            "there is no list of leases",
            "write the answer of Kea to lease4-get-all to the file",
        )),
    }
}

fn put(lease: &Node, times: &Times, into: &mut Gathered) -> Result<(), Refusal> {
    let number = |key: &str| {
        lease.get(key).and_then(Node::number::<u64>).ok_or_else(|| {
            let found = format!("the lease has no number {key:?}");
            lease.place.refuse(found, "the file is damaged; repeat the command lease4-get-all")
        })
    };
    let text = |key| lease.get(key).and_then(Node::text).unwrap_or_default();
    let fields = Fields {
        address: text("ip-address"),
        hardware_address: text("hw-address"),
        client_identifier: text("client-id"),
        lifetime_secs: number("valid-lft")?,
        changed_at: number("cltt")?,
        state: number("state")?,
        host_name: text("hostname"),
        relay_information: lease
            .get("user-context")
            .and_then(|context| relay_information(context, &lease.place, &mut into.report)),
    };
    fields.put(&lease.place, times, into)
}
