"""The admin APIs of the providers that are read over plain HTTP: how they are asked, and what their refusals mean."""
