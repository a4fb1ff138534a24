/** A commit that a device was told is accepted. */
export interface AcceptedCommit {
  readonly id: string
  readonly userId: string
  readonly epoch: number
  readonly seq: number
}

/** A commit as it stands in the log of its group. */
export interface LoggedCommit extends AcceptedCommit {
  readonly commit: string
}

/** What the run sent: each id is one commit. */
export type SentCommits = ReadonlyMap<string, { readonly userId: string; readonly epoch: number; readonly commit: string }>

/**
 * What must hold of a group's commits (G4): the log has one for each epoch, in order and without a gap; it is one that was sent,
 * as it was sent; and whoever was told that its own is accepted finds it there.
 */
export function checkCommits(
  log: readonly LoggedCommit[],
  accepted: readonly AcceptedCommit[],
  sent: SentCommits,
  epochs: number,
): string[] {
  const problems: string[] = []
  if (log.length !== epochs) problems.push(`the log has ${log.length} commits, not ${epochs}`)
  log.forEach(({ epoch, seq, id, userId, commit }, index) => {
    if (epoch !== index) problems.push(`commit ${index} of the log ends epoch ${epoch}`)
    if (seq !== index + 1) problems.push(`the commit of epoch ${epoch} has seq ${seq}`)
    const origin = sent.get(id)
    const isAsSent = origin?.userId === userId && origin.epoch === epoch && origin.commit === commit
    if (!isAsSent) problems.push(`the commit ${id} of epoch ${epoch} was not sent so`)
  })
  const byId = new Map(log.map((each) => [each.id, each]))
  for (const { id, userId, epoch, seq } of accepted) {
    const logged = byId.get(id)
    if (logged?.userId !== userId || logged.epoch !== epoch || logged.seq !== seq) {
      problems.push(`${id} by ${userId} was accepted for epoch ${epoch} at ${seq}, and is not in the log there`)
    }
  }
  const told = new Map<number, string>()
  for (const { id, epoch } of accepted) {
    const other = told.get(epoch) ?? id
    if (other !== id) problems.push(`${other} and ${id} were both accepted for epoch ${epoch}`)
    told.set(epoch, other)
  }
  return problems
}
