// One client's visit to a gateway, for tests/clients: list the tools, profile a script to its end
// with progress, cancel the profile of another. Prints what came of it as one line of JSON.
//
//   node investigate.mjs (client-legacy | client-auto | sdk-websocket) URL SCRIPT ENDLESS_SCRIPT

const [, , kind, url, script, endless] = process.argv;
const who = { name: "dynogate-tests", version: "1" };

async function connect() {
  if (kind === "sdk-websocket") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { WebSocketClientTransport } = await import(
      "@modelcontextprotocol/sdk/client/websocket.js"
    );
    const client = new Client(who);
    await client.connect(new WebSocketClientTransport(new URL(url)));
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const mode = kind === "client-auto" ? "auto" : "legacy";
  const client = new Client(who, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

function call(client, path, options) {
  const request = { name: "profile_script", arguments: { script_path: path, cpu_only: true } };
  return kind === "sdk-websocket"
    ? client.callTool(request, undefined, options)
    : client.callTool(request, options);
}

async function cancelled(client) {
  const controller = new AbortController();
  const options = { onprogress: () => controller.abort("seen enough"), signal: controller.signal };
  try {
    await call(client, endless, options);
    return "it was answered";
  } catch (error) {
    return controller.signal.aborted ? null : String(error);
  }
}

const client = await connect();
const { tools } = await client.listTools();
let progress = 0;
const profile = await call(client, script, { onprogress: () => (progress += 1) });
const problem = await cancelled(client);
await client.listTools(); // close() would take back what is still on its way
await client.close();
console.log(
  JSON.stringify({
    tools: tools.map((tool) => tool.name),
    outcome: profile.structuredContent?.summary.outcome,
    text: profile.content[0].text,
    progress,
    not_cancelled: problem,
    server: client.getServerVersion()?.name,
  }),
);
