//! The component's functions over HTTP. They run on a thread of the pool, parsing included.

use super::numbers::{array, float, two_arrays};
use super::service::{JSON, ServiceResponse, TEXT};

/// Answers with the dot product of two arrays of numbers: `[[a…],[b…]]` → `{"dot":…}`.
pub(super) fn dot(body: &[u8]) -> Result<ServiceResponse, String> {
    let (a, b) = two_arrays::<f64>(body, "a number")?;
    if let Some(at) = a.iter().chain(&b).position(|number| number.is_infinite()) {
        return Err(format!("number {at} is too large"));
    }
    let dot = native::dot_product(&a, &b).map_err(|error| error.to_string())?;
    Ok(ServiceResponse::ok(JSON, format!("{{\"dot\":{}}}\n", float(dot))))
}

/// Answers with the doubled elements of an array of 32-bit integers: `[…]` → `{"double":[…]}`.
pub(super) fn double(body: &[u8]) -> Result<ServiceResponse, String> {
    let mut values = array::<i32>(body, "a 32-bit integer")?;
    native::double_array(&mut values);
    // Debug's list of integers is JSON's.
    Ok(ServiceResponse::ok(JSON, format!("{{\"double\":{values:?}}}\n")))
}

/// Answers with the sum of an array of 32-bit integers: `[…]` → `{"sum":…}`.
pub(super) fn sum(body: &[u8]) -> Result<ServiceResponse, String> {
    let values = array::<i32>(body, "a 32-bit integer")?;
    Ok(ServiceResponse::ok(JSON, format!("{{\"sum\":{}}}\n", native::sum_array(&values))))
}

/// Answers with the scalar values of a UTF-8 text in reverse order: text → text.
pub(super) fn reverse(body: &[u8]) -> Result<ServiceResponse, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("the body is not UTF-8: {error}"))?;
    Ok(ServiceResponse::ok(TEXT, native::reverse_string(text).as_bytes()))
}
