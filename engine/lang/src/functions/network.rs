//! IP networks.

use std::net::{Ipv4Addr, Ipv6Addr};

use muster_value::{Str, Value};
use num_bigint::{BigInt, Sign};

use super::numeric::{number, whole};
use super::string::{strings, text};
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "cidrhost",
        "The address of a host in a network; negative numbers count from the end.",
        &[Param::string("prefix"), Param::number("hostnum")],
        Returns::STRING,
        |a, _| host(a),
    ),
    Function::new(
        "cidrnetmask",
        "The mask of an IPv4 network in dotted form.",
        &[Param::string("prefix")],
        Returns::STRING,
        |a, _| {
            let net = Network::parse(text(a, 0))?;
            match net.bits {
                128 if net.is_mapped() => Ok(address(net.mask(), 128).into()),
                32 => Ok(address(net.mask(), 32).into()),
                _ => Err("IPv6 networks have no mask in dotted form".into()),
            }
        },
    ),
    Function::new(
        "cidrsubnet",
        "A network inside another: so many more bits of prefix, the one of a number.",
        &[
            Param::string("prefix"),
            Param::number("newbits"),
            Param::number("netnum"),
        ],
        Returns::STRING,
        |a, _| subnet(a),
    ),
    Function::new(
        "cidrsubnets",
        "Networks inside another, one after the other, each with so many more bits of prefix.",
        &[Param::string("prefix")],
        Returns::STRINGS,
        |a, _| subnets(a),
    )
    .more(Param::number("newbits")),
];

/// A network; the address has no bits outside the prefix.
struct Network {
    address: u128,
    prefix: u32,
    /// 32 or 128.
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a network such as 10.0.0.0/8 or fd00::/8");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let (address, bits) = match v4(address) {
            Some(v4) => (u128::from(u32::from(v4)), 32),
            None => (
                u128::from(address.parse::<Ipv6Addr>().map_err(|_| wrong())?),
                128,
            ),
        };
        if prefix.is_empty() || prefix.len() > 3 || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let prefix = prefix
            .parse()
            .ok()
            .filter(|p| *p <= bits)
            .ok_or_else(wrong)?;
        let mut network = Self {
            address,
            prefix,
            bits,
        };
        network.address &= network.mask();
        Ok(network)
    }

    /// How many bits are left for hosts.
    fn host_bits(&self) -> u32 {
        self.bits - self.prefix
    }

    fn mask(&self) -> u128 {
        let all = u128::MAX >> (128 - self.bits);
        all ^ ones(self.host_bits())
    }

    /// The network with more bits of prefix.
    fn extend(&self, more: i64) -> std::result::Result<Self, String> {
        let prefix = i64::from(self.prefix)
            .checked_add(more)
            .and_then(|p| u32::try_from(p).ok())
            .filter(|p| *p <= self.bits);
        match prefix {
            Some(prefix) => Ok(Self { prefix, ..*self }),
            None => Err(format!(
                "a prefix of {} bits cannot have {more} more",
                self.prefix
            )),
        }
    }

    /// The address with a number in the bits that end with the prefix of a length. It goes into
    /// the other bits as well when it is negative, and must fit the address.
    fn insert(&self, number: BigInt, prefix: u32) -> Option<u128> {
        if number.bits() > 128 {
            return None;
        }
        let found = BigInt::from(self.address) | (number << (self.bits - prefix));
        if found.bits() > u64::from(self.bits) {
            return None;
        }
        u128::try_from(found.into_parts().1).ok()
    }

    /// Whether it is an IPv6 network of IPv4 addresses.
    fn is_mapped(&self) -> bool {
        self.bits == 128 && mapped(self.address).is_some()
    }

    fn text(&self) -> Str {
        let prefix = match self.is_mapped() {
            true => self.prefix.saturating_sub(96),
            false => self.prefix,
        };
        format!("{}/{prefix}", address(self.address, self.bits)).into()
    }
}

/// The lowest so many bits.
fn ones(count: u32) -> u128 {
    match count {
        0 => 0,
        n => u128::MAX >> (128 - n),
    }
}

/// An IPv4 address, whose parts may have leading zeros.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0; 4];
    let mut texts = text.split('.');
    for part in &mut parts {
        let text = texts.next()?;
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let trimmed = text.trim_start_matches('0');
        *part = if trimmed.is_empty() {
            0
        } else {
            trimmed.parse().ok()?
        };
    }
    texts.next().is_none().then(|| parts.into())
}

/// The IPv4 address that an IPv6 address stands for. Those are printed as IPv4 addresses.
fn mapped(bits: u128) -> Option<Ipv4Addr> {
    Ipv6Addr::from(bits).to_ipv4_mapped()
}

fn address(bits: u128, width: u32) -> String {
    match (width, mapped(bits)) {
        (32, _) => Ipv4Addr::from(bits as u32).to_string(),
        (_, Some(v4)) => v4.to_string(),
        (_, None) => Ipv6Addr::from(bits).to_string(),
    }
}

fn host(args: &[Value]) -> Result {
    let net = Network::parse(text(args, 0))?;
    let number = number(args, 1)?;
    let host = number
        .trunc_to_integer()
        .filter(|_| number.is_integer())
        .ok_or_else(|| format!("the number of a host must be whole, not {number}"))?;
    let last = (BigInt::from(1) << net.host_bits()) - 1;
    let (offset, checked) = if host.sign() == Sign::Minus {
        let from_end = -host - 1;
        (&last - &from_end, from_end)
    } else {
        let checked = BigInt::from(low_64(&host).cast_signed());
        (host, checked)
    };
    let none = || {
        format!(
            "a network with a prefix of {} bits has no host {number}",
            net.prefix
        )
    };
    if checked > last {
        return Err(none().into());
    }
    let width = if net.is_mapped() { 32 } else { net.bits };
    let found = net.insert(offset, width).ok_or_else(none)?;
    Ok(address(found, net.bits).into())
}

fn subnet(args: &[Value]) -> Result {
    let net = Network::parse(text(args, 0))?;
    let inner = net.extend(whole(args, 1)?)?;
    let number = number(args, 2)?;
    let more = i64::from(inner.prefix) - i64::from(net.prefix);
    let last = match more {
        0..64 => (1 << more) - 1,
        _ => u64::MAX,
    };
    let found = number
        .trunc_to_integer()
        .filter(|n| number.is_integer() && low_64(n) <= last)
        .and_then(|n| net.insert(n, inner.prefix))
        .ok_or_else(|| format!("with {more} more bits of prefix there is no network {number}"))?;
    let inner = Network {
        address: found,
        ..inner
    };
    Ok(Value::string(inner.text()))
}

/// The lowest bits of the magnitude, which are all that is compared with the highest number that
/// there is room for.
fn low_64(n: &BigInt) -> u64 {
    n.magnitude().iter_u64_digits().next().unwrap_or(0)
}

fn subnets(args: &[Value]) -> Result {
    let net = Network::parse(text(args, 0)).map_err(|e| FunctionError::argument(0, e))?;
    if args.len() > 1 && (net.address == 0 || net.is_mapped()) {
        // There is no network before it, from which the first one would be counted.
        let reason = "networks that start with the address zero, or hold IPv4 addresses in IPv6 form, cannot be divided";
        return Err(FunctionError::argument(0, reason));
    }
    let mut found: Vec<Str> = Vec::with_capacity(args.len() - 1);
    // The first address that is free, as an offset from the start; it may be one past the end.
    let mut free = BigInt::from(0);
    let size = BigInt::from(1) << net.host_bits();
    for at in 1..args.len() {
        let wrong = |reason: String| FunctionError::argument(at, reason);
        let more = whole(args, at)?;
        if more < 1 {
            return Err(wrong("at least one more bit of prefix is needed".into()));
        }
        if more > 32 {
            return Err(wrong(
                "more than 32 more bits of prefix are not supported".into(),
            ));
        }
        let inner = net.extend(more).map_err(wrong)?;
        let step = BigInt::from(1) << inner.host_bits();
        let start = (&free + &step - 1) / &step * &step;
        free = &start + &step;
        if free > size {
            let reason = format!(
                "there is no room left for a network of {} bits",
                inner.prefix
            );
            return Err(wrong(reason));
        }
        let offset = u128::try_from(&start).unwrap_or_default();
        let inner = Network {
            address: net.address | offset,
            ..inner
        };
        found.push(inner.text());
    }
    Ok(strings(found))
}
