"""The handlers, one module for each subject of the document.

A handler says with its name which operation it serves, with its parameters what it wants of the
request, and with its result what is answered. What reaches it has been checked against the
document, so there is nothing left to check here.
"""
