// The chat over several nodes. Imported, not run.
const lines = "test/cluster/lines.test.ts"
const leaving = "test/cluster/leaving.test.ts"
const faults = "test/cluster/faults.test.ts"
const threeNodes = "test/cluster/three-nodes.test.ts"
const foreign = "test/cluster/ForeignLines.test.ts"
const versions = "test/cluster/versions.test.ts"

export const mutants = [
  {
    name: "a node does not say that it could not read what it was sent",
    file: "cluster/ClusterChat.ts",
    search: "      if (mayHaveLines) this.trafficTo(node).reportLoss()\n",
    replace: "",
    test: versions
  },
  {
    name: "lines of which a number cannot be read do not count as lost",
    file: "cluster/Contents.ts",
    search: "      mayHaveLines ||= !isCounted\n",
    replace: "",
    test: versions
  },
  {
    name: "lines that another node could not read stay on their way",
    file: "cluster/Contents.ts",
    search: 'unread: hasLost ? "all" : unread',
    replace: "unread",
    test: versions
  },
  {
    name: "the outcome of lines to other nodes is not measured",
    file: "cluster/RemoteRecipient.ts",
    search: "      if (isReported && part > 0) ClusterMetrics",
    replace: "      if (!isReported && part > 0) ClusterMetrics",
    test: lines
  },
  {
    name: "lines go on to a recipient that nobody could find",
    file: "cluster/RemoteRecipients.ts",
    search: "    this.cluster.broker.changed(recipient.name)\n    recipient.isNowhere",
    replace: "    recipient.isNowhere",
    test: lines
  },
  {
    name: "a name that was unknown once stays unknown",
    file: "cluster/RemoteRecipients.ts",
    search: "    this.unknown.delete(name)\n    this.cluster.broker.changed(name)\n    const",
    replace: "    const",
    test: lines
  },
  {
    name: "lines to a recipient that has moved overtake those that were sent to its old node",
    file: "cluster/RemoteRecipient.ts",
    search: "    if (sentTo !== undefined && sentTo !== target) return\n",
    replace: "",
    test: leaving
  },
  {
    name: "what was sent to a lost node returns as if it had not been",
    file: "cluster/RemoteRecipient.ts",
    search: "return this.cameBack(this.linesSent, inDoubt)",
    replace: 'return this.cameBack(this.linesSent, { _tag: "Returned", reason: "disconnected" })',
    test: faults
  },
  {
    name: "each part of a large batch counts as the whole",
    file: "cluster/NodeTraffic.ts",
    search: "if (end !== undefined && sentBytes === 0)",
    replace: "if (end !== undefined)",
    test: "test/cluster/NodeTraffic.test.ts"
  },
  {
    name: "the outcomes that a client waits for are reported late",
    file: "cluster/ForeignLines.ts",
    search: "isUrgent || isAwaited === true)",
    replace: "isUrgent)",
    test: foreign
  },
  {
    name: "a node does not say that a client waits for outcomes",
    file: "cluster/NodeTraffic.ts",
    search: "labels === undefined ? sendable",
    replace: "labels !== undefined ? sendable",
    test: "test/cluster/NodeTraffic.test.ts"
  },
  {
    name: "the sender's outbox stays full until deliveries are reported some time",
    file: "cluster/ForeignLines.ts",
    search: "if (isUrgent || this.isMuch(arrivals))",
    replace: "if (isUrgent)",
    test: foreign
  },
  {
    name: "deliveries that nobody waits for are never reported",
    file: "cluster/ForeignLines.ts",
    search: "        this.isDue = false\n        this.report()\n",
    replace: "        this.isDue = false\n",
    test: foreign
  },
  {
    name: "lines that a kick takes back are reported as the first ones",
    file: "cluster/ForeignLines.ts",
    search: "this.last = [...this.fresh, ...this.last]",
    replace: "this.last = [...this.last, ...this.fresh]",
    test: foreign
  },
  {
    name: "lines that arrive at a suspended node are given to its clients",
    file: "cluster/ForeignLines.ts",
    search: "|| !this.cluster.isOpen())",
    replace: "|| lines < 0)",
    test: foreign
  },
  {
    name: "a suspended node writes messages",
    file: "cluster/Gate.ts",
    search: "      if (this.gate.isShut()) {",
    replace: "      if (this.gate.isShut() && this.held.length < 0) {",
    test: faults
  },
  {
    name: "a suspended node goes on with a large batch",
    file: "cluster/Gate.ts",
    search: "(this.gate.isShut() || (this.lags && bytes.length > pieceBytes))",
    replace: "this.gate.isShut()",
    test: faults
  },
  {
    name: "a suspension counts as if the clients did not read",
    file: "chat/Watch.ts",
    search: "else if (mayWait(peer)) blocked",
    replace: "else if (mayWait(peer) && now < 0) blocked",
    test: faults
  },
  {
    name: "a client that was kicked stays while the node is suspended",
    file: "chat/Watch.ts",
    search: "socket.isHeld === true && !CloseReason.isExpulsion(outbox.ended)",
    replace: "socket.isHeld === true && outbox.bytes >= 0",
    test: faults
  },
  {
    name: "a node that is another one now writes what the others have returned",
    file: "cluster/ClusterChat.ts",
    search: 'for (const peer of this.foreign.unwritten) this.broker.breakOff(peer, "connection-lost")',
    replace: "void this.foreign.unwritten",
    test: faults
  },
  {
    name: "a client that only sends is listed at other nodes",
    file: "cluster/LocalNames.ts",
    search: "claim.isSendOnly ? hidden(name) : name",
    replace: "name",
    test: threeNodes
  },
  {
    name: "a name whose login was not completed is kept",
    file: "cluster/LocalNames.ts",
    search: "        this.releaseIfFree(claim.name)\n",
    replace: "",
    test: "test/cluster/names.test.ts"
  },
  {
    name: "a recipient that is discarded while it is full is watched for ever",
    file: "chat/BrokerState.ts",
    search: "        watch.discard(outbox)\n",
    replace: "",
    test: faults
  },
  {
    name: "a client that comes over from another node is announced twice",
    file: "chat/Lifecycle.ts",
    search: "isFirst && !names.isElsewhere(name)",
    replace: "isFirst",
    test: "test/cluster/names.test.ts"
  },
  {
    name: "a client leaves in the notices although it has only come over from another node",
    file: "chat/BrokerState.ts",
    search: "names.setElsewhere(name, isThere) && names.find(name) === undefined",
    replace: "names.setElsewhere(name, isThere)",
    test: "test/cluster/names.test.ts"
  },
  {
    name: "a client that is listed at another node leaves twice in the notices",
    file: "chat/Lifecycle.ts",
    search: "names.find(name) === undefined && !names.isElsewhere(name)",
    replace: "names.find(name) === undefined",
    test: "test/cluster/names.test.ts"
  },
  {
    name: "a word of a later version is a reason for clients",
    file: "cluster/RemoteRecipient.ts",
    search: "return OutcomeReply.isReason(word) ?",
    replace: "return OutcomeReply.isReason(word) || !isDelivered(word) ?",
    test: versions
  },
  {
    name: "a report that cannot be read is left out",
    file: "cluster/ClusterChat.ts",
    search: "      this.recipients.doubt(node, unread)\n",
    replace: "      void unread\n",
    test: versions
  },
  {
    name: "reports after one that could not be read are believed",
    file: "cluster/RemoteRecipient.ts",
    search: "node === this.doubted ? inDoubt : outcomeOf(word)",
    replace: "outcomeOf(word)",
    test: versions
  },
  {
    name: "what another node says of its lines is believed",
    file: "cluster/Contents.ts",
    search: " && Block.countLineFeeds(text) === lines",
    replace: " && lines !== 0",
    test: versions
  },
  {
    name: "a name that cannot be asked for is offline",
    file: "cluster/RemoteRecipients.ts",
    search: "return this.busy(name)",
    replace: "return undefined",
    test: lines
  },
  {
    name: "a name that could not be asked for stays unavailable",
    file: "cluster/RemoteRecipients.ts",
    search: "    broker.soon(() => broker.changed(name))\n",
    replace: "",
    test: lines
  },
  {
    name: "a client is given what waits for it although another one has its name by now",
    file: "cluster/LocalNames.ts",
    search: "if (!isOpen() && peer.outbox.lines > 0) broker",
    replace: "if (!isOpen() && peer.outbox.lines < 0) broker",
    test: "test/cluster/faults.test.ts"
  }
]
