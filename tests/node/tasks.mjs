// A visit of the official client of the tasks extension, for tests/clients: a long call to its end,
// one that asks before it is a task, one that asks as a task, one that is cancelled, one that fails.
// Prints what came of it as one line of JSON.
//
//   node tasks.mjs URL

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  createTaskSessionFromClient,
  resultFromTaskOutcome,
} from "@modelcontextprotocol/ext-tasks/client";

const [, , url] = process.argv;
const version = "2026-07-28";
const clientInfo = { name: "dynogate-tests", version: "1" };
const clientCapabilities = {
  elicitation: {},
  extensions: { "io.modelcontextprotocol/tasks": {} },
};

let id = 0;

// The SDK's own codecs refuse what the extension adds, so the host sends these requests itself.
async function rawDispatch(request, options) {
  const name = request.params.taskId ?? request.params.name;
  const answer = await fetch(url, {
    method: "POST",
    signal: options?.signal,
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      "mcp-protocol-version": version,
      "mcp-method": request.method,
      ...(name === undefined ? {} : { "mcp-name": name }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: (id += 1), ...request }),
  });
  const { result, error } = await answer.json();
  return error ? { kind: "error", error } : { kind: "result", result };
}

const client = new Client(clientInfo, {
  versionNegotiation: { mode: "auto" },
  capabilities: clientCapabilities,
});
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const asked = [];
const session = createTaskSessionFromClient(client, {
  endpointId: "dynogate",
  rawDispatch,
  v2RequestFraming: { protocolVersion: version, clientInfo, clientCapabilities },
  onInputRequest: async (request, context) => {
    asked.push(`${request.kind} by ${context.delivery}`);
    return { action: "accept", content: { name: "Ada", confirm: true, ok: true } };
  },
});

async function run(tool, args) {
  const execution = await session.callTool(tool, args);
  const states = [];
  const { outcome } = await execution.settle({
    onEvent: (event) => {
      if (event.type === "task") states.push(event.task.status);
    },
  });
  return { outcome, states };
}

const text = ({ outcome }) => resultFromTaskOutcome(outcome).content[0].text;

const slow = await run("slow_compute", { seconds: 0.5, label: "x" });
const confirmed = await run("confirm_delete", { filename: "x" });
const composed = await run("test_tool_with_task", {});
const failed = await run("protocol_error_job", {});
const endless = await session.callTool("slow_compute", { seconds: 60 });
const settling = endless.settle();
await endless.cancel();
const cancelled = await settling;
await session.close();
await client.close();
console.log(
  JSON.stringify({
    slow: text(slow),
    states: slow.states,
    confirmed: text(confirmed),
    composed: text(composed),
    failed: failed.outcome.status,
    cancelled: cancelled.outcome.status,
    asked,
  }),
);
