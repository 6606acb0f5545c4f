//! The table of DynamoDB that holds locks, and digests of states.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::bucket::Put;
use crate::fault::Fault;
use crate::service::Service;

/// A table with the key `LockID`.
#[derive(Clone)]
pub(crate) struct Table {
    pub service: Service,
    pub name: String,
}

const FAILED: &str = "ConditionalCheckFailedException";

impl Table {
    /// Adds a lock, unless there is one.
    pub(crate) async fn add_lock(&self, id: &str, info: &str) -> Result<Put, Fault> {
        let request = json!({
            "TableName": self.name,
            "Item": {"LockID": {"S": id}, "Info": {"S": info}},
            "ConditionExpression": "attribute_not_exists(LockID)",
        });
        match self.ask("PutItem", &request).await {
            Ok(_) => Ok(Put::Done),
            Err(fault) if fault.has_code(FAILED) => Ok(Put::Refused),
            Err(fault) => Err(fault),
        }
    }

    /// What a lock says, if there is one.
    pub(crate) async fn lock(&self, id: &str) -> Result<Option<String>, Fault> {
        let item = self.item(id).await?;
        Ok(item.map(|item| field(&item, "Info").unwrap_or_default()))
    }

    /// Removes a lock if it still says this.
    pub(crate) async fn remove_lock(&self, id: &str, info: &str) -> Result<(), Fault> {
        let request = json!({
            "TableName": self.name,
            "Key": {"LockID": {"S": id}},
            "ConditionExpression": "Info = :info",
            "ExpressionAttributeValues": {":info": {"S": info}},
        });
        match self.ask("DeleteItem", &request).await {
            // An attempt before removed it, and its answer was lost.
            Err(fault) if fault.has_code(FAILED) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// The digest of a state, if one is recorded.
    pub(crate) async fn digest(&self, id: &str) -> Result<Option<String>, Fault> {
        let item = self.item(&digest_id(id)).await?;
        let digest = item.and_then(|item| field(&item, "Digest"));
        Ok(digest.filter(|digest| !digest.is_empty()))
    }

    /// Records the digest of a state.
    pub(crate) async fn set_digest(&self, id: &str, digest: &str) -> Result<(), Fault> {
        let item = json!({"LockID": {"S": digest_id(id)}, "Digest": {"S": digest}});
        let request = json!({"TableName": self.name, "Item": item});
        self.ask("PutItem", &request).await.map(|_| ())
    }

    /// Forgets the digest of a state.
    pub(crate) async fn remove_digest(&self, id: &str) -> Result<(), Fault> {
        let request = json!({"TableName": self.name, "Key": {"LockID": {"S": digest_id(id)}}});
        self.ask("DeleteItem", &request).await.map(|_| ())
    }

    async fn item(&self, id: &str) -> Result<Option<Value>, Fault> {
        let request = json!({
            "TableName": self.name,
            "Key": {"LockID": {"S": id}},
            "ConsistentRead": true,
        });
        let mut answer = self.ask("GetItem", &request).await?;
        Ok(answer.get_mut("Item").map(Value::take))
    }

    async fn ask(&self, action: &str, body: &Value) -> Result<Value, Fault> {
        let url = format!("{}/", self.service.dynamodb);
        let mut request = self.service.request("dynamodb", Method::POST, url);
        request.headers = vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", format!("DynamoDB_20120810.{action}")),
        ];
        request.body = Bytes::from(body.to_string());
        let answer = self
            .service
            .send(&request)
            .await
            .map_err(|f| self.named(f))?;
        serde_json::from_slice(&answer.body)
            .map_err(|e| Fault::Other(format!("the answer of DynamoDB makes no sense: {e}")))
    }

    /// Says which table it is that is not there.
    fn named(&self, fault: Fault) -> Fault {
        match fault.has_code("ResourceNotFoundException") {
            true => Fault::Other(format!("the DynamoDB table {:?} does not exist", self.name)),
            false => fault,
        }
    }
}

/// What names the digest of a state.
pub(crate) fn digest_id(id: &str) -> String {
    format!("{id}-md5")
}

fn field(item: &Value, name: &str) -> Option<String> {
    Some(item.get(name)?.get("S")?.as_str()?.to_owned())
}
