//! A plugin whose answers a test makes up. The program only greets, and sleeps; calls are taken
//! in the test's own process.

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut};
use muster_client::{Client, ClientOptions, PluginSpec};
use muster_wire::tfplugin6 as wire;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Bytes, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

/// What to answer to a call, by its name; nothing, ever, when there is none.
pub(crate) type Answers = Box<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// The one type of resource, data source and ephemeral resource, with an attribute `id`. There
/// is a function `f` of any number of strings as well.
pub(crate) const THING: &str = "fake_thing";

/// A plugin and its client.
pub(crate) struct Plugin {
    pub(crate) client: Client,
    pub(crate) pid: u32,
    _folder: tempfile::TempDir,
}

impl Plugin {
    pub(crate) async fn start(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (socket, pid) = (folder.path().join("s"), folder.path().join("pid"));
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let incoming = futures::stream::unfold(listener, |listener| async move {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        });
        let server = tonic::transport::Server::builder().add_service(Fake(Arc::new(answers)));
        tokio::spawn(server.serve_with_incoming(incoming));
        let program = folder.path().join("terraform-provider-fake");
        let text = format!(
            "#!/bin/sh\necho $$ >{}\necho '1|6|unix|{}|grpc|'\nexec sleep 60\n",
            pid.display(),
            socket.display()
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let spec = PluginSpec {
            program,
            ..PluginSpec::default()
        };
        let options = ClientOptions {
            schema_timeout: Duration::from_secs(10),
            ..ClientOptions::default()
        };
        let client = Client::start(spec, options).await.unwrap();
        let pid = std::fs::read_to_string(pid)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        Self {
            client,
            pid,
            _folder: folder,
        }
    }
}

fn schema() -> Vec<u8> {
    let id = wire::schema::Attribute {
        name: "id".into(),
        r#type: br#""string""#.to_vec(),
        optional: true,
        ..Default::default()
    };
    let thing = wire::Schema {
        block: Some(wire::schema::Block {
            attributes: vec![id],
            ..Default::default()
        }),
        ..Default::default()
    };
    let provider = wire::Schema {
        block: Some(wire::schema::Block::default()),
        ..Default::default()
    };
    let function = wire::Function {
        variadic_parameter: Some(wire::function::Parameter {
            name: "texts".into(),
            r#type: br#""string""#.to_vec(),
            ..Default::default()
        }),
        r#return: Some(wire::function::Return {
            r#type: br#""string""#.to_vec(),
        }),
        ..Default::default()
    };
    wire::get_provider_schema::Response {
        provider: Some(provider),
        resource_schemas: [(THING.into(), thing.clone())].into(),
        data_source_schemas: [(THING.into(), thing.clone())].into(),
        ephemeral_resource_schemas: [(THING.into(), thing)].into(),
        functions: [("f".into(), function)].into(),
        ..Default::default()
    }
    .encode_to_vec()
}

#[derive(Clone)]
struct Fake(Arc<Answers>);

impl NamedService for Fake {
    const NAME: &'static str = "tfplugin6.Provider";
}

impl Service<http::Request<tonic::body::Body>> for Fake {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        let answer = match name {
            "GetProviderSchema" => Some(schema()),
            name => (self.0)(name),
        };
        // Plugins have not always had this one.
        let missing = name == "GetResourceIdentitySchemas" && answer.is_none();
        Box::pin(async move {
            if missing {
                return Ok(Status::unimplemented("").into_http());
            }
            let mut grpc = Grpc::new(BytesCodec);
            Ok(grpc.unary(Answer(answer.map(Bytes::from)), request).await)
        })
    }
}

struct Answer(Option<Bytes>);

impl UnaryService<Bytes> for Answer {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let answer = self.0.take();
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(Response::new(answer)),
                None => std::future::pending().await,
            }
        })
    }
}

#[derive(Clone, Copy)]
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
        out.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let len = from.remaining();
        Ok(Some(from.copy_to_bytes(len)))
    }
}
