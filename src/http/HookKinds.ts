import * as Either from "effect/Either"
import type { IncomingHttpHeaders } from "node:http"
import { hookKindNames, type HookKind, type HookProof } from "./HookKind.js"
import * as HookTemplate from "./HookTemplate.js"

/** The line that the server makes of each event of a webhook. */

interface Kind {
  /** How the sender proves itself where the operator does not choose. */
  readonly proof: HookProof
  /** The header that has the secret, besides `Authorization: Bearer`. */
  readonly secretHeader?: string
  /** What identifies a delivery: another one with the same value is a repetition. */
  readonly deliveryHeader?: string
  /** The names of an event, the most special first. */
  readonly eventsIn: (headers: IncomingHttpHeaders, payload: unknown) => ReadonlyArray<string>
  /** The templates by event. An event without one is ignored. */
  readonly templates: Readonly<Record<string, string>>
}

/** `push.deleted`, `pull_request.closed`, `push`: an event, and what it says about itself. */
const named = (event: string, ...about: ReadonlyArray<string>) => [
  ...about.filter((one) => one !== "").map((one) => `${event}.${one}`),
  event
]

const textAt = (payload: unknown, path: string): string =>
  HookTemplate.render({ parts: [{ paths: [path.split(".")], format: undefined }] }, payload)

/** Whether a push has no commits. Without the list, nothing is known. */
const hasNoCommits = (payload: unknown): boolean =>
  HookTemplate.render({ parts: [{ paths: [["commits"]], format: HookTemplate.count(undefined) }] }, payload) === "0"

/** The commit of a branch that is gone. */
const noCommit = /^0+$/u

const pull = "{repository.full_name}: {sender.login}"
const pullEnd = "pull request #{number}, {pull_request.title} {pull_request.html_url}"
const pullTitle = "#{pull_request.number}, {pull_request.title}"
const issue = "#{issue.number}, {issue.title}"
const merge = "{project.path_with_namespace}: {user.username}"
const mergeEnd = "merge request !{object_attributes.iid}, {object_attributes.title} {object_attributes.url}"
const issueEnd = "issue #{object_attributes.iid}, {object_attributes.title} {object_attributes.url}"
const pipelineEnd =
  "{project.path_with_namespace}: the pipeline of {object_attributes.ref} {object_attributes.status}: " +
  "{commit.title} {object_attributes.url|project.web_url}"

export const kinds: Readonly<Record<HookKind, Kind>> = {
  github: {
    proof: "signature",
    deliveryHeader: "x-github-delivery",
    eventsIn: (headers, payload) => {
      const event = String(headers["x-github-event"] ?? "")
      const isMerged = textAt(payload, "pull_request.merged") === "true"
      const action = textAt(payload, "action")
      return named(
        event,
        isMerged && action === "closed" ? "merged" : "",
        action === "completed" ? textAt(payload, "workflow_run.conclusion") : "",
        textAt(payload, "deleted") === "true" ? "deleted" : "",
        textAt(payload, "ref").startsWith("refs/tags/") ? "tag" : "",
        textAt(payload, "created") === "true" && hasNoCommits(payload) ? "created" : "",
        action
      )
    },
    templates: {
      ping: "{repository.full_name|organization.login}: this hook works",
      push:
        "{repository.full_name}: {pusher.name} pushed {commits:count commit} to {ref:ref}: " +
        "{head_commit.message:first} {compare}",
      "push.deleted": "{repository.full_name}: {pusher.name} deleted {ref:ref}",
      "push.tag": "{repository.full_name}: {pusher.name} pushed the tag {ref:ref} {compare}",
      "push.created": "{repository.full_name}: {pusher.name} created {ref:ref} {compare}",
      "pull_request.opened": `${pull} opened ${pullEnd}`,
      "pull_request.reopened": `${pull} reopened ${pullEnd}`,
      "pull_request.ready_for_review": `${pull} asks for a review of ${pullEnd}`,
      "pull_request.merged": `${pull} merged ${pullEnd}`,
      "pull_request.closed": `${pull} closed ${pullEnd}`,
      "issues.opened": `${pull} opened issue ${issue} {issue.html_url}`,
      "issues.closed": `${pull} closed issue ${issue} {issue.html_url}`,
      "issues.reopened": `${pull} reopened issue ${issue} {issue.html_url}`,
      "issue_comment.created": `${pull} commented on ${issue}: {comment.body:first} {comment.html_url}`,
      "pull_request_review.submitted": `${pull} reviewed ${pullTitle}: {review.state} {review.html_url}`,
      "release.published":
        "{repository.full_name}: {sender.login} released {release.name|release.tag_name} {release.html_url}",
      "workflow_run.failure":
        "{repository.full_name}: {workflow_run.name} failed on {workflow_run.head_branch}: " +
        "{workflow_run.display_title:first} {workflow_run.html_url}",
      "workflow_run.success":
        "{repository.full_name}: {workflow_run.name} passed on {workflow_run.head_branch} {workflow_run.html_url}"
    }
  },
  gitlab: {
    proof: "secret",
    secretHeader: "x-gitlab-token",
    deliveryHeader: "idempotency-key",
    eventsIn: (_, payload) =>
      named(
        textAt(payload, "object_kind"),
        noCommit.test(textAt(payload, "after")) ? "deleted" : "",
        noCommit.test(textAt(payload, "before")) && hasNoCommits(payload) ? "created" : "",
        textAt(payload, "object_attributes.action"),
        textAt(payload, "object_attributes.status"),
        textAt(payload, "action")
      ),
    templates: {
      push:
        "{project.path_with_namespace}: {user_name} pushed {total_commits_count:count commit} to {ref:ref}: " +
        "{commits.-1.message:first} {commits.-1.url|project.web_url}",
      "push.deleted": "{project.path_with_namespace}: {user_name} deleted {ref:ref} {project.web_url}",
      "push.created": "{project.path_with_namespace}: {user_name} created {ref:ref} {project.web_url}",
      "tag_push.deleted": "{project.path_with_namespace}: {user_name} deleted the tag {ref:ref} {project.web_url}",
      tag_push: "{project.path_with_namespace}: {user_name} pushed the tag {ref:ref} {project.web_url}",
      "merge_request.open": `${merge} opened ${mergeEnd}`,
      "merge_request.reopen": `${merge} reopened ${mergeEnd}`,
      "merge_request.merge": `${merge} merged ${mergeEnd}`,
      "merge_request.close": `${merge} closed ${mergeEnd}`,
      "issue.open": `${merge} opened ${issueEnd}`,
      "issue.reopen": `${merge} reopened ${issueEnd}`,
      "issue.close": `${merge} closed ${issueEnd}`,
      note:
        `${merge} commented on {merge_request.title|issue.title|commit.title}: {object_attributes.note:first} ` +
        `{object_attributes.url}`,
      "pipeline.success": pipelineEnd,
      "pipeline.failed": pipelineEnd,
      "pipeline.canceled": pipelineEnd,
      "release.create": "{project.path_with_namespace}: release {name|tag} {url}"
    }
  },
  grafana: {
    proof: "secret",
    eventsIn: () => ["alert"],
    templates: {
      alert:
        "{title|ruleName|status} {commonAnnotations.summary|alerts.0.annotations.summary|message:first} " +
        "{alerts.0.dashboardURL|alerts.0.generatorURL|ruleUrl|externalURL}"
    }
  },
  alertmanager: {
    proof: "secret",
    eventsIn: () => ["alert"],
    templates: {
      alert:
        "{status:upper} {commonLabels.severity|groupLabels.severity} " +
        "{commonLabels.alertname|alerts.*.labels.alertname} ({alerts:count alert}): " +
        "{commonAnnotations.summary|alerts.*.annotations.summary|commonAnnotations.description} " +
        "{alerts.*.labels.instance} {externalURL}"
    }
  },
  /** Its template is the operator's. */
  custom: { proof: "secret", deliveryHeader: "idempotency-key", eventsIn: () => [], templates: {} }
}

/** The parsed templates of all kinds. A mistake in one is a defect of this program. */
const templates: ReadonlyMap<string, HookTemplate.Template> = new Map(
  hookKindNames.flatMap((kind) =>
    Object.entries(kinds[kind].templates).map(
      ([event, text]) => [`${kind} ${event}`, Either.getOrThrowWith(HookTemplate.parse(text), Error)] as const
    )
  )
)

/** The line for a payload; empty if the event is none that there is a line for. */
export const lineFor = (
  { kind, template }: { readonly kind: HookKind; readonly template: HookTemplate.Template | undefined },
  headers: IncomingHttpHeaders,
  payload: unknown
): string => {
  if (template !== undefined) return HookTemplate.render(template, payload)
  for (const event of kinds[kind].eventsIn(headers, payload)) {
    const found = templates.get(`${kind} ${event}`)
    if (found !== undefined) return HookTemplate.render(found, payload)
  }
  return ""
}

/** What identifies the delivery; undefined if the sender does not say. */
export const deliveryOf = (kind: HookKind, headers: IncomingHttpHeaders): string | undefined => {
  const { deliveryHeader } = kinds[kind]
  const found = headers[deliveryHeader ?? ""] ?? headers["idempotency-key"]
  return typeof found === "string" ? found : undefined
}
