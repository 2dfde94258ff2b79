"""Be found beside the playbook by a module that imports it."""


def greet(name):
    return "hello " + name
