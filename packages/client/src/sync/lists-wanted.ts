/** An entry would be refused by what is known, and not by what may be known: these users' lists decide. */
export class ListsWanted extends Error {
  readonly users: readonly string[]

  constructor(users: readonly string[]) {
    super(`the device lists of ${users.join(', ')} are wanted`)
    this.name = 'ListsWanted'
    this.users = users
  }
}
