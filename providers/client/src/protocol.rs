//! The calls of both protocol versions. Their messages have the same fields under the same
//! numbers save for one field of schemas, so one set of messages serves both; only the names of
//! service and calls differ.

use muster_provider::ProviderError;
use prost::Message;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Bytes;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// A call's names in versions 5 and 6.
pub(crate) type Names = (&'static str, &'static str);

pub(crate) const SCHEMA: Names = ("GetSchema", "GetProviderSchema");
pub(crate) const VALIDATE_PROVIDER: Names = ("PrepareProviderConfig", "ValidateProviderConfig");
pub(crate) const CONFIGURE: Names = ("Configure", "ConfigureProvider");
pub(crate) const VALIDATE_RESOURCE: Names =
    ("ValidateResourceTypeConfig", "ValidateResourceConfig");
pub(crate) const VALIDATE_DATA: Names = ("ValidateDataSourceConfig", "ValidateDataResourceConfig");
pub(crate) const IDENTITIES: Names = same("GetResourceIdentitySchemas");
pub(crate) const STOP: Names = ("Stop", "StopProvider");

/// A connection with the version that is spoken over it.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub channel: Channel,
    pub version: u32,
}

impl Wire {
    /// Makes a call of the provider service.
    pub(crate) async fn call<Q, A>(&self, names: Names, request: Q) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let (service, name) = match self.version {
            5 => ("tfplugin5.Provider", names.0),
            _ => ("tfplugin6.Provider", names.1),
        };
        let answer = self.raw(&format!("/{service}/{name}"), &request).await?;
        A::decode(answer).map_err(|e| Status::data_loss(format!("the answer cannot be read: {e}")))
    }

    /// Asks one of the questions that say nothing but their name, and gives the answer as it came.
    pub(crate) async fn bytes(&self, names: Names) -> Result<Bytes, Status> {
        let (service, name) = match self.version {
            5 => ("tfplugin5.Provider", names.0),
            _ => ("tfplugin6.Provider", names.1),
        };
        self.raw(&format!("/{service}/{name}"), &()).await
    }

    /// Makes any call.
    pub(crate) async fn raw(&self, path: &str, request: &impl Message) -> Result<Bytes, Status> {
        let path = PathAndQuery::try_from(path)
            .map_err(|e| Status::internal(format!("{path} is not a path: {e}")))?;
        let mut grpc = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        grpc.ready()
            .await
            .map_err(|e| Status::unavailable(e.to_string()))?;
        let request = Request::new(Bytes::from(request.encode_to_vec()));
        Ok(grpc.unary(request, path, BytesCodec).await?.into_inner())
    }
}

/// Both names are the same.
pub(crate) const fn same(name: &'static str) -> Names {
    (name, name)
}

/// What a failed call means, as far as the status alone tells.
pub(crate) fn failure(call: &'static str, status: &Status) -> ProviderError {
    use tonic::Code;
    match status.code() {
        Code::Unimplemented => ProviderError::Unsupported { call },
        Code::Cancelled => ProviderError::Cancelled { call },
        Code::DataLoss => ProviderError::Invalid {
            call,
            reason: status.message().to_owned(),
        },
        code => {
            let reason = match status.message() {
                "" => code.to_string(),
                message => message.to_owned(),
            };
            ProviderError::Transport { call, reason }
        }
    }
}

/// Messages as bytes: they are encoded and decoded outside.
#[derive(Clone, Copy, Debug)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use bytes::BufMut;
        out.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        use bytes::Buf;
        let len = from.remaining();
        Ok(Some(from.copy_to_bytes(len)))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}
