//! Ephemeral resources that are open: renewed while they are in use, closed afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_provider::{Opened, Private, Request};

/// What is open, in the order of opening. Says what has to be asked and when; the questions and
/// answers themselves go through the run that owns this. Nothing in here is ever stored.
#[derive(Debug, Default)]
pub struct Leases {
    open: BTreeMap<u64, Lease>,
    by_addr: HashMap<InstanceAddr, u64>,
    /// When which has to be renewed.
    due: BTreeSet<(i64, u64)>,
    count: u64,
}

#[derive(Debug)]
struct Lease {
    addr: InstanceAddr,
    provider: ProviderConfigAddr,
    private: Private,
    renew_at: Option<i64>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    /// A renewal is under way; `close` says that it is to be closed right after.
    Renewing {
        close: bool,
    },
    Closing,
}

/// A question about something that is open.
#[derive(Debug)]
pub struct LeaseCall {
    /// What it is about.
    pub addr: InstanceAddr,
    /// Who is asked.
    pub provider: ProviderConfigAddr,
    /// What.
    pub request: Request,
}

impl Leases {
    /// Something was opened.
    pub fn add(&mut self, addr: InstanceAddr, provider: ProviderConfigAddr, opened: &Opened) {
        self.count += 1;
        let lease = Lease {
            addr: addr.clone(),
            provider,
            private: opened.private.clone(),
            renew_at: opened.renew_at,
            standing: Standing::Open,
        };
        self.due.extend(opened.renew_at.map(|at| (at, self.count)));
        self.by_addr.insert(addr, self.count);
        self.open.insert(self.count, lease);
    }

    /// Whether something is open or not quite closed.
    pub fn is_open(&self, addr: &InstanceAddr) -> bool {
        self.by_addr.contains_key(addr)
    }

    /// What has to be renewed, `now` being in seconds since the epoch. To be answered with
    /// [`Leases::renewed`].
    pub fn due(&mut self, now: i64) -> Vec<LeaseCall> {
        let mut calls = Vec::new();
        while let Some(&(at, id)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.pop_first();
            if let Some(lease) = self.open.get_mut(&id) {
                lease.standing = Standing::Renewing { close: false };
                calls.push(lease.call(|type_name, private| Request::Renew { type_name, private }));
            }
        }
        calls
    }

    /// Takes the answer to a renewal, nothing when it failed: then there will not be another
    /// one. Gives the question that closes it, if it was only waited for the renewal to end.
    pub fn renewed(&mut self, addr: &InstanceAddr, answer: Option<&Opened>) -> Option<LeaseCall> {
        let id = *self.by_addr.get(addr)?;
        let lease = self.open.get_mut(&id)?;
        let close = lease.standing == Standing::Renewing { close: true };
        lease.standing = Standing::Open;
        lease.renew_at = None;
        if let Some(answer) = answer {
            lease.private = answer.private.clone();
            lease.renew_at = answer.renew_at;
        }
        self.due.extend(lease.renew_at.map(|at| (at, id)));
        close.then(|| self.close(addr)).flatten()
    }

    /// The question that closes something; nothing when it is not open, is being closed already,
    /// or is just being renewed: then it comes with the end of that.
    pub fn close(&mut self, addr: &InstanceAddr) -> Option<LeaseCall> {
        let id = *self.by_addr.get(addr)?;
        let lease = self.open.get_mut(&id)?;
        match lease.standing {
            Standing::Open => {}
            Standing::Renewing { .. } => {
                lease.standing = Standing::Renewing { close: true };
                return None;
            }
            Standing::Closing => return None,
        }
        lease.standing = Standing::Closing;
        if let Some(at) = lease.renew_at.take() {
            self.due.remove(&(at, id));
        }
        Some(lease.call(|type_name, private| Request::Close { type_name, private }))
    }

    /// It is closed, or that failed and nothing more can be done.
    pub fn closed(&mut self, addr: &InstanceAddr) {
        if let Some(id) = self.by_addr.remove(addr) {
            self.open.remove(&id);
        }
    }

    /// What was opened last of all that is open: for a run that ends early.
    pub fn last(&self) -> Option<&InstanceAddr> {
        self.open.values().next_back().map(|lease| &lease.addr)
    }
}

impl Lease {
    fn call(&self, request: impl FnOnce(crate::Str, Private) -> Request) -> LeaseCall {
        let type_name = self.addr.resource.resource.type_name.clone();
        LeaseCall {
            addr: self.addr.clone(),
            provider: self.provider.clone(),
            request: request(type_name, self.private.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_lang::Diags;
    use muster_value::Value;

    use super::*;

    fn addr(text: &str) -> InstanceAddr {
        text.parse().unwrap()
    }

    fn opened(private: &str, renew_at: Option<i64>) -> Opened {
        Opened {
            value: Value::NULL,
            private: private.as_bytes().into(),
            renew_at,
            diags: Diags::new(),
        }
    }

    fn leases(renew_at: &[Option<i64>]) -> Leases {
        let provider = "provider[\"example.com/x/y\"]".parse::<ProviderConfigAddr>();
        let provider = provider.unwrap();
        let mut leases = Leases::default();
        for (i, at) in renew_at.iter().enumerate() {
            let addr = addr(&format!("ephemeral.x.y[{i}]"));
            leases.add(addr, provider.clone(), &opened("first", *at));
        }
        leases
    }

    /// `CALL ADDRESS PRIVATE`
    fn told(calls: impl IntoIterator<Item = LeaseCall>) -> Vec<String> {
        let calls = calls.into_iter().map(|call| {
            let (Request::Renew { private, .. } | Request::Close { private, .. }) = &call.request
            else {
                panic!("another call: {call:?}");
            };
            let private = String::from_utf8(private.to_vec()).unwrap();
            format!("{} {} {private}", call.request.name(), call.addr)
        });
        calls.collect()
    }

    #[test]
    fn what_is_due_is_renewed_once() {
        let mut leases = leases(&[Some(20), Some(10), None]);
        assert!(leases.due(9).is_empty());
        let expect = ["RenewEphemeralResource ephemeral.x.y[1] first"];
        assert_eq!(told(leases.due(19)), expect);
        assert!(leases.due(19).is_empty());
        let answer = opened("second", Some(20));
        assert!(
            leases
                .renewed(&addr("ephemeral.x.y[1]"), Some(&answer))
                .is_none()
        );
        let expect = [
            "RenewEphemeralResource ephemeral.x.y[0] first",
            "RenewEphemeralResource ephemeral.x.y[1] second",
        ];
        assert_eq!(told(leases.due(20)), expect);
        assert!(leases.renewed(&addr("ephemeral.x.y[0]"), None).is_none());
        assert!(leases.due(1000).is_empty());
    }

    #[test]
    fn closing_waits_for_a_renewal() {
        let mut leases = leases(&[Some(10)]);
        let one = addr("ephemeral.x.y[0]");
        assert_eq!(leases.due(10).len(), 1);
        assert!(leases.close(&one).is_none());
        let answer = opened("second", Some(11));
        let expect = ["CloseEphemeralResource ephemeral.x.y[0] second"];
        assert_eq!(told(leases.renewed(&one, Some(&answer))), expect);
        assert!(leases.due(11).is_empty(), "it is being closed");
        assert!(leases.is_open(&one));
        leases.closed(&one);
        assert!(!leases.is_open(&one));
        assert!(leases.close(&one).is_none());
    }

    #[test]
    fn the_last_one_opened_is_closed_first() {
        let mut leases = leases(&[None, Some(10)]);
        assert_eq!(leases.last(), Some(&addr("ephemeral.x.y[1]")));
        let call = leases.close(&addr("ephemeral.x.y[1]"));
        assert_eq!(
            told(call),
            ["CloseEphemeralResource ephemeral.x.y[1] first"]
        );
        assert!(leases.close(&addr("ephemeral.x.y[1]")).is_none());
        leases.closed(&addr("ephemeral.x.y[1]"));
        assert_eq!(leases.last(), Some(&addr("ephemeral.x.y[0]")));
    }
}
