import type { HookKind } from "../../src/http/HookKind.js"

/** Payloads as their senders document them, without what no template shows, and the lines that become of them. */

interface HookEvent {
  readonly kind: HookKind
  /** For GitHub, the value of `X-GitHub-Event`. */
  readonly event: string
  readonly payload: object
  readonly line: string
}

const repository = { full_name: "acme/widgets", html_url: "https://github.com/acme/widgets" }
const sender = { login: "mona" }
const pull = {
  number: 17,
  title: "Faster widgets",
  html_url: "https://github.com/acme/widgets/pull/17",
  merged: false
}
const project = { path_with_namespace: "acme/widgets", web_url: "https://gitlab.example/acme/widgets" }
const user = { name: "Mona Lisa", username: "mona" }

export const events: ReadonlyArray<HookEvent> = [
  {
    kind: "github",
    event: "ping",
    payload: { zen: "Design for failure.", hook_id: 1, repository },
    line: "acme/widgets: this hook works"
  },
  {
    kind: "github",
    event: "push",
    payload: {
      ref: "refs/heads/main",
      deleted: false,
      compare: "https://github.com/acme/widgets/compare/a1...b2",
      commits: [{ id: "a1" }, { id: "b2" }],
      head_commit: { message: "Make widgets faster\n\nBy a factor of two." },
      pusher: { name: "mona" },
      repository,
      sender
    },
    line:
      "acme/widgets: mona pushed 2 commits to main: Make widgets faster " +
      "https://github.com/acme/widgets/compare/a1...b2"
  },
  {
    kind: "github",
    event: "push",
    payload: { ref: "refs/heads/old", deleted: true, commits: [], pusher: { name: "mona" }, repository, sender },
    line: "acme/widgets: mona deleted old"
  },
  {
    kind: "github",
    event: "push",
    payload: {
      ref: "refs/tags/v1.0",
      created: true,
      deleted: false,
      compare: "https://github.com/acme/widgets/compare/v1.0",
      commits: [],
      head_commit: { message: "Make widgets faster" },
      pusher: { name: "mona" },
      repository,
      sender
    },
    line: "acme/widgets: mona pushed the tag v1.0 https://github.com/acme/widgets/compare/v1.0"
  },
  {
    kind: "github",
    event: "push",
    payload: {
      ref: "refs/heads/new",
      created: true,
      deleted: false,
      compare: "https://github.com/acme/widgets/compare/new",
      commits: [],
      head_commit: { message: "Make widgets faster" },
      pusher: { name: "mona" },
      repository,
      sender
    },
    line: "acme/widgets: mona created new https://github.com/acme/widgets/compare/new"
  },
  {
    kind: "github",
    event: "pull_request",
    payload: { action: "opened", number: 17, pull_request: pull, repository, sender },
    line: "acme/widgets: mona opened pull request #17, Faster widgets https://github.com/acme/widgets/pull/17"
  },
  {
    kind: "github",
    event: "pull_request",
    payload: { action: "closed", number: 17, pull_request: { ...pull, merged: true }, repository, sender },
    line: "acme/widgets: mona merged pull request #17, Faster widgets https://github.com/acme/widgets/pull/17"
  },
  {
    kind: "github",
    event: "pull_request",
    payload: { action: "closed", number: 17, pull_request: pull, repository, sender },
    line: "acme/widgets: mona closed pull request #17, Faster widgets https://github.com/acme/widgets/pull/17"
  },
  {
    kind: "github",
    event: "issue_comment",
    payload: {
      action: "created",
      issue: { number: 3, title: "Broken" },
      comment: { body: "Me too.\nSame here.", html_url: "https://github.com/acme/widgets/issues/3#c1" },
      repository,
      sender
    },
    line: "acme/widgets: mona commented on #3, Broken: Me too. https://github.com/acme/widgets/issues/3#c1"
  },
  {
    kind: "github",
    event: "workflow_run",
    payload: {
      action: "completed",
      workflow_run: {
        name: "CI",
        head_branch: "main",
        conclusion: "failure",
        display_title: "Make widgets faster",
        html_url: "https://github.com/acme/widgets/actions/runs/1"
      },
      repository,
      sender
    },
    line: "acme/widgets: CI failed on main: Make widgets faster https://github.com/acme/widgets/actions/runs/1"
  },
  {
    kind: "gitlab",
    event: "push",
    payload: {
      object_kind: "push",
      ref: "refs/heads/main",
      user_name: "Mona Lisa",
      total_commits_count: 1,
      commits: [{ message: "Fix it\n\nProperly.", url: "https://gitlab.example/acme/widgets/-/commit/b2" }],
      project
    },
    line: "acme/widgets: Mona Lisa pushed 1 commit to main: Fix it https://gitlab.example/acme/widgets/-/commit/b2"
  },
  ...(["push", "tag_push"] as const).map((event) => ({
    kind: "gitlab" as const,
    event,
    payload: {
      object_kind: event,
      before: "a1",
      after: "0000000000000000000000000000000000000000",
      ref: event === "push" ? "refs/heads/old" : "refs/tags/old",
      user_name: "Mona Lisa",
      total_commits_count: 0,
      commits: [],
      project
    },
    line: `acme/widgets: Mona Lisa deleted ${event === "push" ? "" : "the tag "}old https://gitlab.example/acme/widgets`
  })),
  {
    kind: "gitlab",
    event: "push",
    payload: {
      object_kind: "push",
      before: "0000000000000000000000000000000000000000",
      after: "b2",
      ref: "refs/heads/new",
      user_name: "Mona Lisa",
      total_commits_count: 0,
      commits: [],
      project
    },
    line: "acme/widgets: Mona Lisa created new https://gitlab.example/acme/widgets"
  },
  {
    kind: "gitlab",
    event: "merge_request",
    payload: {
      object_kind: "merge_request",
      user,
      project,
      object_attributes: {
        iid: 5,
        title: "Faster",
        action: "merge",
        url: "https://gitlab.example/acme/widgets/-/merge_requests/5"
      }
    },
    line: "acme/widgets: mona merged merge request !5, Faster https://gitlab.example/acme/widgets/-/merge_requests/5"
  },
  {
    kind: "gitlab",
    event: "pipeline",
    payload: {
      object_kind: "pipeline",
      user,
      project,
      object_attributes: {
        id: 31,
        ref: "main",
        status: "failed",
        url: "https://gitlab.example/acme/widgets/-/pipelines/31"
      },
      commit: { title: "Fix it" }
    },
    line: "acme/widgets: the pipeline of main failed: Fix it https://gitlab.example/acme/widgets/-/pipelines/31"
  },
  {
    kind: "grafana",
    event: "alert",
    payload: {
      receiver: "chat",
      status: "firing",
      title: "[FIRING:1] HighLatency (api)",
      message: "**Firing**\n\nValue: B=22",
      externalURL: "https://grafana.example/",
      commonAnnotations: { summary: "p99 is above 2 s" },
      alerts: [{ status: "firing", labels: { alertname: "HighLatency" }, dashboardURL: "https://grafana.example/d/1" }]
    },
    line: "[FIRING:1] HighLatency (api) p99 is above 2 s https://grafana.example/d/1"
  },
  {
    kind: "alertmanager",
    event: "alert",
    payload: {
      version: "4",
      status: "resolved",
      receiver: "chat",
      groupLabels: { team: "storage" },
      commonLabels: {},
      commonAnnotations: {},
      externalURL: "http://alertmanager:9093",
      alerts: [
        {
          status: "resolved",
          labels: { alertname: "DiskFull", instance: "db1:9100" },
          annotations: { summary: "full" }
        },
        {
          status: "resolved",
          labels: { alertname: "DiskFull", instance: "db2:9100" },
          annotations: { summary: "full" }
        }
      ]
    },
    line: "RESOLVED DiskFull (2 alerts): full db1:9100, db2:9100 http://alertmanager:9093"
  },
  {
    kind: "alertmanager",
    event: "alert",
    payload: {
      version: "4",
      status: "firing",
      receiver: "chat",
      groupLabels: { alertname: "DiskFull" },
      commonLabels: { alertname: "DiskFull", severity: "critical" },
      commonAnnotations: { summary: "less than 5 % is free" },
      externalURL: "http://alertmanager:9093",
      alerts: [
        { status: "firing", labels: { instance: "db1:9100" } },
        { status: "firing", labels: { instance: "db2:9100" } }
      ]
    },
    line: "FIRING critical DiskFull (2 alerts): less than 5 % is free db1:9100, db2:9100 http://alertmanager:9093"
  }
]
