// Mutants of what operators see and do. Read by main.mjs, which explains the fields.
const kicks = "test/chat/kicks.test.ts"
const bans = "test/chat/bans.test.ts"

export const mutants = [
  {
    name: "a health check is logged like any other connection",
    file: "chat/Connection.ts",
    search: 'inbox.bytesRead === 0 && (reason === "left" || reason === "connection-lost")',
    replace: "inbox.bytesRead < 0 && reason !== undefined",
    test: "test/server/logs.test.ts"
  },
  {
    name: "the log does not name the login that was refused",
    file: "chat/PeerInput.ts",
    search: "peer.refusedLogin = name\n",
    replace: "",
    test: "test/server/logs.test.ts"
  },
  {
    name: "a client that broke its connection before the accept is a warning",
    file: "chat/AcceptLoop.ts",
    search: 'code === "ECONNRESET" || code === "ECONNABORTED"',
    replace: 'code === "ECONNABORTED"',
    test: "test/transport/Proxy.test.ts"
  },
  {
    name: "the facts of events that are not written are collected",
    file: "telemetry/LogEvent.ts",
    search: " && isSelected(level, message)",
    replace: "",
    test: "test/cli/Log.test.ts"
  },
  {
    name: "a mistyped flag before the text is sent as text",
    file: "cli/help/CommandLine.ts",
    search: "(!isInside || DidYouMean",
    replace: '(takes !== "text" || DidYouMean',
    test: "test/cli/CommandLine.test.ts",
    build: true
  },
  {
    name: "a mistyped flag after the text is sent as text",
    file: "cli/help/CommandLine.ts",
    search: "(!isInside || DidYouMean.nearest(name, [...forms.keys()]) !== undefined)",
    replace: "!isInside",
    test: "test/cli/CommandLine.test.ts",
    build: true
  },
  {
    name: "the variables of Kubernetes are warnings",
    file: "cli/settings/Variables.ts",
    search: "if (ofKubernetes.test(variable) || isKubernetesPort(variable, text)) return []",
    replace: "",
    test: "test/cli/Variables.test.ts",
    build: true
  },
  {
    name: "the ACHAT_PORT of Kubernetes is taken for a port",
    file: "cli/settings/Sources.ts",
    search: 'if (text === "" || Variables.isKubernetesPort(place, text))',
    replace: 'if (text === "")',
    test: "test/cli/Variables.test.ts",
    build: true
  },
  {
    name: "the environment overrides a server that a flag names",
    file: "cli/settings/ClientFile.ts",
    search: "(serverRank === 0 ? inServer(name) : undefined)",
    replace: "(serverRank < 0 ? inServer(name) : undefined)",
    test: "test/cli/client-settings.test.ts",
    build: true
  },
  {
    name: "a host that is named takes the Unix socket or the port of the settings file",
    file: "cli/settings/ClientFile.ts",
    search: "isPlace(name) && placeRank < 2",
    replace: "isPlace(name) && placeRank < 0",
    test: "test/cli/client-settings.test.ts",
    build: true
  },
  {
    name: "the scheme of a place that is not used turns TLS off",
    file: "cli/settings/ClientFile.ts",
    search: '(name === "tls" || name === "port") && !isUsed(at)',
    replace: 'name === "tls" && at < 0',
    test: "test/cli/client-settings.test.ts",
    build: true
  },
  {
    name: "a Unix socket is connected to with the TLS of another source",
    file: "cli/settings/Places.ts",
    search: 'return own ?? { ...socket, text: "no" }',
    replace: "return own",
    test: "test/cli/Places.test.ts"
  },
  {
    name: "a key of a table is located at the first line with that key",
    file: "cli/settings/SettingsFile.ts",
    search: "const path = [...table, ...names].slice(0, maxDepth)",
    replace: "const path = [...table.slice(0, 1), ...names]",
    test: "test/cli/client-settings.test.ts",
    build: true
  },
  {
    name: "a settings file's keys are looked at however deep they are",
    file: "cli/settings/SettingsFile.ts",
    search: "const maxDepth = 4",
    replace: "const maxDepth = Infinity",
    test: "test/cli/config.test.ts",
    build: true
  },
  {
    name: "the queue of a client that is kicked is lost",
    file: "chat/Lifecycle.ts",
    search: "this.returnBatches(outbox.name, unwritten, reason, [])\n    // The writer's batch",
    replace: "// The writer's batch",
    test: kicks
  },
  {
    name: "what returns to a client that is kicked follows its last line, and is never counted",
    file: "chat/Outbox.ts",
    search: "this.uncount(batch)\n      this.reported(batch.returns)",
    replace: "this.uncount(batch)",
    test: kicks
  },
  {
    name: "the queue of a client that is kicked still counts in the memory budget",
    file: "chat/Outbox.ts",
    search: "this.uncount(batch)\n      this.reported(batch.returns)",
    replace:
      "this.bounds.budget.used += batch.text.length + 48 * batch.lines; this.uncount(batch); " +
      "this.reported(batch.returns)",
    test: kicks
  },
  {
    name: "a client that is kicked and takes nothing stays for the stall timeout",
    file: "chat/Watch.ts",
    search:
      "return CloseReason.isExpulsion(outbox.ended) ? Math.min(this.lingerMillis, this.stallMillis) : this.stallMillis",
    replace: "return CloseReason.isExpulsion(outbox.ended) ? this.stallMillis : this.stallMillis",
    test: kicks
  },
  {
    name: "the senders of a client that is kicked stay held",
    file: "chat/Lifecycle.ts",
    search: "outbox.jam()\n    hasRoom(outbox)",
    replace: "",
    test: kicks
  },
  {
    name: "a ban ends by the wall clock",
    file: "chat/BrokerState.ts",
    search: "const bans = new Bans(now)",
    replace: "const bans = new Bans(time.wall)",
    test: bans
  },
  {
    name: "the shortest of several bans counts",
    file: "chat/Bans.ts",
    search: "until = Math.max(until, bans.get(AddressRange.prefixOf(address, bits))?.until ?? -Infinity)",
    replace: "until = bans.get(AddressRange.prefixOf(address, bits))?.until ?? until",
    test: bans
  },
  {
    name: "a name that looks like a banned one is not banned",
    file: "chat/Bans.ts",
    search: "return this.refusal(this.byName.get(likenessOf(name))?.until ?? -Infinity)",
    replace: "return this.refusal(this.byName.get(name)?.until ?? -Infinity)",
    test: bans
  },
  {
    name: "a banned name may log in",
    file: "chat/PeerInput.ts",
    search: ": (decision ?? bans.ofName(name))",
    replace: ": decision",
    test: bans
  },
  {
    name: "a banned address uses up its allowance of new connections",
    file: "chat/AcceptLoop.ts",
    search: "const refusal = banned ?? (",
    replace: "if (banned !== undefined) hostLimits.enter(host)\n      const refusal = banned ?? (",
    test: bans
  },
  {
    name: "a kick forgets the lines that wait for an acknowledgement",
    file: "chat/Lifecycle.ts",
    search: "const unacknowledged = outbox.unacknowledged?.takeAll() ?? []",
    replace: 'const unacknowledged = reason === "kicked" ? [] : (outbox.unacknowledged?.takeAll() ?? [])'
  },
  {
    name: "a client that is kicked still gets its whole queue",
    file: "chat/Lifecycle.ts",
    search: "const unwritten = outbox.retract()",
    replace: "const unwritten: ReadonlyArray<Batch<Peer>> = []"
  },
  {
    name: "a second act of the operator takes back the last line of a client",
    file: "chat/Moderation.ts",
    search: "else if (!CloseReason.isExpulsion(ended)) breakOff",
    replace: "else breakOff",
    test: kicks
  },
  {
    name: "a ban does not disconnect",
    file: "chat/Moderation.ts",
    search: "      closed += 1\n      this.expel(peer, refusal)",
    replace: "      closed += 1"
  },
  {
    name: "a ban breaks off clients that an earlier ban concerns",
    file: "chat/Moderation.ts",
    search: "for (const peer of this.peersOf(subject)) {",
    replace: "for (const peer of this.broker.lifecycle.peers) {"
  },
  {
    name: "a banned address is let in",
    file: "chat/AcceptLoop.ts",
    search: "const banned = bans.ofHost(host)",
    replace: "const banned = bans.ofHost(host) === undefined ? undefined : undefined"
  },
  {
    name: "a ban ends a little early",
    file: "chat/Bans.ts",
    search: "if (left <= 0) return undefined",
    replace: "if (left <= 50) return undefined"
  },
  {
    name: "to lift the ban of a name has no effect",
    file: "chat/Bans.ts",
    search: "return this.byName.delete(likenessOf(subject.name))",
    replace: "return this.byName.has(likenessOf(subject.name))"
  },
  {
    name: "to lift the ban of an address has no effect",
    file: "chat/Bans.ts",
    search: "const isRemoved = bans?.delete(prefix) === true",
    replace: "const isRemoved = bans?.has(prefix) === true"
  },
  {
    name: "a client that only sends cannot be kicked",
    file: "chat/Names.ts",
    search: "...(this.senders.get(likeness)?.clients ?? []), ",
    replace: ""
  },
  {
    name: "a device of an account that only sends cannot be kicked",
    file: "chat/Names.ts",
    search: "    const connections = this.connections.get(likeness)\n    if (connections === undefined)",
    replace:
      "    const connections = this.connections.get(likeness)\n    if (peer.isSendOnly) return\n    if (connections " +
      "=== undefined)",
    test: "test/accounts/devices.test.ts"
  },
  {
    name: "a device that the operator disconnects gets the last line of a guest",
    file: "chat/Moderation.ts",
    search: "peer.device === undefined ? FatalReply.kicked : FatalReply.kickedDevice",
    replace: "FatalReply.kicked",
    test: "test/accounts/devices.test.ts"
  },
  {
    name: "a second drain ends the server at once",
    file: "cli/serve/Reload.ts",
    search: "if (hasSignalled || ExitStatus.hasEnded()) return\n",
    replace: "",
    test: "test/cli/control.test.ts",
    build: true
  },
  {
    name: "a settings file conflicts with a default in whose place there is a flag",
    file: "cli/serve/ServerSettings.ts",
    search: "flags === undefined ? resolved : Sources.resolve",
    replace: "true ? resolved : Sources.resolve",
    test: "test/cli/ServerSettings.test.ts"
  }
]
