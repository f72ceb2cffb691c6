// Whoever uses this module gets the words for arguments and messages with it.
@_exported import Wording
